// The interface of scenarios.mjs over a real Socket.IO server and its clients.
// Nothing is translated but what a transcript cannot hold: what the application
// calls is Socket.IO's own.
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { io as dial } from 'socket.io-client'
import { Client, World, once } from './world.mjs'

// A Host is one Socket.IO server. Scenarios share it, each in a namespace of its own.
export class Host {
  #http = createServer()

  constructor(options) {
    this.io = new Server(this.#http, options)
  }

  async start() {
    await new Promise(started => this.#http.listen(0, '127.0.0.1', started))
    this.url = `http://127.0.0.1:${this.#http.address().port}`
    return this
  }

  close() {
    return this.io.close()
  }

  world(name, recovery) {
    return new Theirs(this, name, recovery)
  }
}

class Theirs extends World {
  #host
  #recovery
  #handlers = []

  constructor(host, name, recovery) {
    super()
    this.#host = host
    this.#recovery = recovery
    this.name = name
    this.io = this.of()
  }

  // of gives a namespace of this scenario.
  of(name) {
    return this.#host.io.of('/' + this.path(name))
  }

  path(name) {
    return name ? `${this.name}-${name}` : this.name
  }

  // handle gives the application a handler for what clients say.
  handle(event, handler) {
    this.#handlers.push([event, handler])
  }

  async connect(name, { ns } = {}) {
    const space = this.of(ns)
    const up = dial(`${this.#host.url}/${this.path(ns)}`, { transports: ['websocket'], reconnection: false, forceNew: true })
    const client = new TheirClient(name, space, up, this.#recovery, this.#handlers)
    this.clients.push(client)
    await client.arrived()
    return client
  }

  // count gives how many are in a room, or in the namespace.
  async count(room) {
    return room === undefined ? this.io.sockets.size : this.io.adapter.rooms.get(room)?.size ?? 0
  }

  async allSockets() {
    return [...await this.io.allSockets()]
  }

  // shutdown ends the server in good order.
  async shutdown() {
    await this.#host.close()
  }
}

class TheirClient extends Client {
  #space
  #recovery
  #handlers

  constructor(name, space, up, recovery, handlers) {
    super(name, space)
    this.#space = space
    this.#recovery = recovery
    this.#handlers = handlers
    this.up = up
    up.onAny((event, ...args) => {
      args = args.filter(arg => typeof arg !== 'function')
      const given = args.length
      // Recovery has the client's place in the stream as one argument more.
      if (recovery && /^[\w-]{7}(\.\d+)?$/.test(args.at(-1))) args.pop()
      this.hear(event, args, given)
    })
    up.on('disconnect', reason => {
      if (this.leaving) return
      this.sentAway(reason, !up.active)
    })
  }

  // arrived waits until both ends know of the connection.
  async arrived() {
    await once(this.up, 'connect')
    this.socket = this.#space.sockets.get(this.up.id)
    this.id = this.up.id
    this.open = true
    for (const [event, handler] of this.#handlers) {
      this.socket.on(event, (...args) => handler(this, ...args))
    }
  }

  get recovered() {
    return this.up.recovered
  }

  on(event, fn) {
    this.up.on(event, (...args) => fn(...args))
  }

  async describe(data) {
    Object.assign(this.socket.data, data)
  }

  // close leaves for good; it returns when the application knows.
  async close() {
    const gone = once(this.socket, 'disconnect')
    this.leaving = true
    this.open = false
    this.up.disconnect()
    await gone
  }

  // cut breaks the connection.
  async cut() {
    const gone = Promise.all([once(this.socket, 'disconnect'), once(this.up, 'disconnect')])
    this.leaving = true
    this.open = false
    this.up.io.engine.transport.ws.terminate()
    await gone
  }

  async back() {
    const here = this.arrived()
    this.up.connect()
    await here
    this.leaving = false
  }

  // forget has the client come back from a place that the server does not know.
  async forget() {
    this.up._lastOffset = 'unknown'
    this.up._pid = 'unknown'
  }

  stall() {
    this.stalled = true
    this.up.io.engine.transport.ws._socket.pause()
  }

  resume() {
    this.stalled = false
    this.up.io.engine.transport.ws._socket.resume()
  }

  dispose() {
    this.leaving = true
    this.up.disconnect()
  }
}
