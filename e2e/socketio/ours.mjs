// The interface of scenarios.mjs over a Parley server, with nothing but fetch: what
// an application that knew Socket.IO would write to say the same in HTTP.
import { randomUUID } from 'node:crypto'
import { Client, World } from './world.mjs'

// A Host is one Parley server. Scenarios share it, each in a namespace of its own.
export class Host {
  constructor(url, key, pid) {
    Object.assign(this, { url, key, pid })
  }

  world(name) {
    return new Ours(this, name)
  }

  close() {}
}

class Ours extends World {
  #host
  #application
  #spaces = new Map()

  constructor(host, name) {
    super()
    this.#host = host
    this.name = name
    this.io = this.of()
  }

  of(name) {
    const path = name ? `${this.name}-${name}` : this.name
    if (!this.#spaces.has(path)) this.#spaces.set(path, new Audience(new Space(this.#host, path, this)))
    return this.#spaces.get(path)
  }

  async connect(name, { ns } = {}) {
    const audience = this.of(ns)
    const client = new OurClient(name, audience)
    await client.listen([])
    this.clients.push(client)
    return client
  }

  // The application is a member like any other: it listens in a room of its own,
  // and what clients say to it they say there.
  async handle(event, handler) {
    if (!this.#application) {
      this.#application = new OurClient('application', this.io)
      await this.#application.listen(['application'])
    }
    this.#application.on(event, (...args) => handler(this.#application.said, ...args))
  }

  async count(room) {
    if (room === undefined) return (await this.io.at.ask('GET', '/-/members')).count
    const { rooms } = await this.io.at.ask('GET', '/-/rooms')
    return rooms.find(r => r.room === room)?.count ?? 0
  }

  async allSockets() {
    return (await this.io.fetchSockets()).map(socket => socket.id)
  }

  async shutdown() {
    process.kill(this.#host.pid, 'SIGTERM')
    await Promise.all(this.clients.filter(client => client.open).map(client => client.until(() => !client.open, 'the end')))
  }

  dispose() {
    super.dispose()
    this.#application?.dispose()
  }
}

// A Space is a namespace at its URL.
class Space {
  constructor(host, path, world) {
    this.url = `${host.url}/${path}`
    this.key = host.key
    this.world = world
  }

  // ask does a request, for the application unless a connection says whose it is,
  // and gives the answer's body. A refusal is an error named by its code.
  async ask(method, path, { connection, query = {}, body, type } = {}) {
    const url = new URL(this.url + path)
    for (const [name, value] of Object.entries(query)) {
      for (const one of [value].flat()) url.searchParams.append(name, one)
    }
    const headers = connection ? { 'Connection-ID': connection } : { Authorization: `Bearer ${this.key}` }
    if (type) headers['Content-Type'] = type
    const answer = await fetch(url, { method, headers, body })
    const text = await answer.text()
    const json = text ? JSON.parse(text) : undefined
    if (!answer.ok) throw new Error(`${answer.status} ${json.code}`)
    return json
  }

  // targets has an id stand for its member, and every other word for a room.
  targets(words) {
    return words.map(word => this.world.clients.some(client => client.id === word) ? `@${word}` : word)
  }
}

// An Audience is to whom something is said: Socket.IO's broadcast operator.
class Audience {
  constructor(at, said = {}) {
    this.at = at
    this.said = said
  }

  #with(more) {
    return new Audience(this.at, { ...this.said, ...more })
  }

  to(rooms) {
    return this.#with({ to: [...this.said.to ?? [], ...[rooms].flat()] })
  }

  in(rooms) {
    return this.to(rooms)
  }

  except(rooms) {
    return this.#with({ except: [...this.said.except ?? [], ...[rooms].flat()] })
  }

  get volatile() {
    return this.#with({ volatile: true })
  }

  timeout(ms) {
    return this.#with({ ack: ms })
  }

  // selection is the query that names the audience; without a word it is everyone.
  #selection(to) {
    const query = { [to]: this.said.to ? this.at.targets(this.said.to) : ['*'] }
    if (this.said.except) query.except = this.at.targets(this.said.except)
    return query
  }

  async emit(event, ...args) {
    const query = { ...this.#selection('to'), event }
    if (this.said.volatile) query.volatile = 1
    if (this.said.ack) query.ack = `${this.said.ack}ms`
    const sent = await this.at.ask('POST', '', { connection: this.said.from, query, ...packed(args) })
    return sent?.acks && sent
  }

  send(...args) {
    return this.emit('message', ...args)
  }

  async emitWithAck(event, ...args) {
    const { acks, missing, complete } = await this.emit(event, ...args)
    const answers = acks.map(ack => ack.data)
    if (complete) return answers
    throw Object.assign(new Error('operation has timed out'), { responses: answers, missing })
  }

  async socketsJoin(rooms) {
    for (const room of [rooms].flat()) await this.at.ask('PUT', '/-/members', { query: { room, ...this.#selection('in') } })
  }

  async socketsLeave(rooms) {
    for (const room of [rooms].flat()) await this.at.ask('DELETE', '/-/members', { query: { room, ...this.#selection('in') } })
  }

  async disconnectSockets() {
    await this.at.ask('DELETE', '/-/members', { query: this.#selection('in') })
  }

  async fetchSockets() {
    const { members } = await this.at.ask('GET', '/-/members', { query: this.#selection('in') })
    return members.map(member => ({ ...member, data: member.data ?? {} }))
  }
}

// A Socket is what the application holds of one client.
class Socket extends Audience {
  #client

  constructor(client) {
    super(client.space.at, { from: client.connection })
    this.#client = client
  }

  get id() {
    return this.#client.id
  }

  get broadcast() {
    return new Audience(this.at, this.said)
  }

  #alone(options) {
    return new One(this.at, { ...options, to: [this.id] }, this)
  }

  emit(event, ...args) {
    return this.#alone().emit(event, ...args)
  }

  send(...args) {
    return this.#alone().emit('message', ...args)
  }

  get volatile() {
    return this.#alone({ volatile: true })
  }

  timeout(ms) {
    return this.#alone({ ack: ms })
  }

  async join(rooms) {
    for (const room of [rooms].flat()) await this.at.ask('PUT', '/-/members/me', { connection: this.#client.connection, query: { room } })
  }

  leave(room) {
    return this.at.ask('DELETE', '/-/members/me', { connection: this.#client.connection, query: { room } })
  }

  disconnect() {
    return this.at.ask('DELETE', `/-/members/${this.id}`)
  }
}

// One is an audience of one client, whose answer comes without a list around it;
// with another word it is that client's broadcast.
class One extends Audience {
  #socket

  constructor(at, said, socket) {
    super(at, said)
    this.#socket = socket
  }

  #broadcast() {
    return new Audience(this.at, { ...this.#socket.said, volatile: this.said.volatile, ack: this.said.ack })
  }

  to(rooms) {
    return this.#broadcast().to(rooms)
  }

  except(rooms) {
    return this.#broadcast().except(rooms)
  }

  get broadcast() {
    return this.#broadcast()
  }

  async emitWithAck(event, ...args) {
    try {
      const [answer] = await super.emitWithAck(event, ...args)
      return answer
    } catch (late) {
      delete late.responses
      throw late
    }
  }
}

class OurClient extends Client {
  connection = randomUUID()
  #handlers = new Map()
  #last
  #stream
  #go = Promise.resolve()
  #resume
  #resumed = false

  constructor(name, audience) {
    super(name, audience)
    this.socket = new Socket(this)
    this.up = new Up(this)
  }

  get recovered() {
    return this.#resumed
  }

  // listen opens the stream and returns when it has said hello.
  async listen(rooms) {
    const stream = this.#stream = new AbortController()
    const answer = await this.#get(rooms, stream.signal)
    const told = deferred()
    this.leaving = false
    this.#read(answer.body, told).catch(() => {}).then(() => {
      told.reject(new Error('the stream ended before hello'))
      if (!this.leaving && stream === this.#stream && this.open) this.sentAway('cut', false)
    })
    const hello = await told.promise
    this.id = hello.member
    this.open = true
    this.#resumed = hello.resumed
  }

  #get(rooms, signal) {
    const url = new URL(this.space.at.url)
    for (const room of rooms) url.searchParams.append('room', room)
    const headers = { Accept: 'text/event-stream', 'Connection-ID': this.connection }
    if (this.#last) headers['Last-Event-ID'] = this.#last
    return fetch(url, { headers, signal })
  }

  // read takes the blocks of a stream apart, as the standard has it.
  async #read(body, told) {
    const decoder = new TextDecoder()
    let text = ''
    let block = {}
    for await (const bytes of body) {
      await this.#go
      text += decoder.decode(bytes, { stream: true })
      const lines = text.split('\n')
      text = lines.pop()
      for (const line of lines) {
        const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line)
        if (line !== '') {
          if (field) block[field] = value
          continue
        }
        if (block.id !== undefined) this.#last = block.id
        if (block.data !== undefined) await this.#take(block.event, JSON.parse(block.data), told)
        block = {}
      }
    }
  }

  async #take(event, data, told) {
    switch (event) {
      case 'hello':
        return told.resolve(data)
      case 'bye':
        return this.#bye(data)
      case 'rooms': case 'presence': case 'gap': case 'erased':
        return
    }
    const args = data.encoding === 'base64' ? [Buffer.from(data.data, 'base64')] : data.data
    this.said = this.space.at.world.clients.find(client => client.id === data.from)
    this.hear(event, args)
    const answer = body => this.#answer(data.ack?.id, body)
    for (const handler of this.#handlers.get(event) ?? []) handler(...args, ...data.ack ? [answer] : [])
  }

  // bye is the server's last word. Whoever is not to return tries all the same, as an
  // EventSource does, and is told 204.
  async #bye({ reason, reconnect }) {
    if (this.leaving) return
    let forGood = false
    if (!reconnect) forGood = (await this.#get([])).status === 204
    this.sentAway(reason, forGood)
  }

  async #answer(id, body) {
    try {
      await this.space.at.ask('POST', `/-/acks/${id}`, { connection: this.connection, type: 'application/json', body: JSON.stringify(body ?? null) })
      return 'taken'
    } catch (refusal) {
      return refusal.message
    }
  }

  on(event, fn) {
    this.#handlers.set(event, [...this.#handlers.get(event) ?? [], fn])
  }

  describe(data) {
    return this.space.at.ask('PATCH', '/-/members/me', { connection: this.connection, type: 'application/json', body: JSON.stringify({ data }) })
  }

  async close() {
    this.leaving = true
    this.open = false
    await this.space.at.ask('DELETE', '/-/members/me', { connection: this.connection })
    this.#stream.abort()
    // What it would return from is where it was, without the mark of the bye.
    this.#last = this.#last?.replace('!', '')
  }

  async cut() {
    this.leaving = true
    this.open = false
    this.#stream.abort()
  }

  back() {
    return this.listen([])
  }

  async forget() {
    this.#last = 'unknown-1'
  }

  stall() {
    this.stalled = true
    this.#go = new Promise(resolve => { this.#resume = resolve })
  }

  resume() {
    this.stalled = false
    this.#resume()
  }

  dispose() {
    this.leaving = true
    this.#stream?.abort()
  }
}

// Up is how a client speaks to the application: a POST to the application's room,
// whose answer is the application's.
class Up {
  #client
  #ms

  constructor(client, ms) {
    this.#client = client
    this.#ms = ms
  }

  timeout(ms) {
    return new Up(this.#client, ms)
  }

  async emitWithAck(event, ...args) {
    const { acks, complete } = await this.#post(event, args, this.#ms ?? 25_000)
    if (!complete) throw new Error('operation has timed out')
    return acks[0].data
  }

  emit(event, ...args) {
    if (typeof args.at(-1) !== 'function') return this.#post(event, args)
    const told = args.pop()
    const [no, yes] = this.#ms ? [told, value => told(null, value)] : [() => {}, told]
    this.emitWithAck(event, ...args).then(yes, no)
  }

  #post(event, args, ms) {
    const query = { event }
    if (ms) query.ack = `${ms}ms`
    return this.#client.space.at.ask('POST', '/application', { connection: this.#client.connection, query, ...packed(args) })
  }
}

// packed puts Socket.IO's arguments into one body: their list, or the bytes.
function packed(args) {
  if (args.length === 1 && args[0] instanceof Uint8Array) return { type: 'application/octet-stream', body: args[0] }
  return { type: 'application/json', body: JSON.stringify(args) }
}

function deferred() {
  const it = {}
  it.promise = new Promise((resolve, reject) => Object.assign(it, { resolve, reject }))
  return it
}
