// What both implementations of a scenario's world have in common: who is there,
// and what each of them heard.

// once waits for an event of an emitter, at most half a minute.
export function once(emitter, event) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no ${event}`)), 30_000)
    emitter.once(event, (...args) => {
      clearTimeout(late)
      resolve(args)
    })
    if (event === 'connect') emitter.once('connect_error', reject)
  })
}

export class World {
  clients = []
  facts = {}
  #marks = 0

  // note keeps what was found out, as it stands in the transcript.
  note(fact, value) {
    if (fact in this.facts) throw new Error(`${fact} was noted before`)
    this.facts[fact] = typeof value === 'string' ? value : JSON.stringify(value)
  }

  // settled returns when everybody who is there has heard all that was said until
  // now: a mark is said to everyone, and each connection keeps its order.
  async settled() {
    const mark = ++this.#marks
    const listening = this.clients.filter(client => client.open && !client.stalled)
    for (const space of new Set(listening.map(client => client.space))) await space.emit('settled', mark)
    await Promise.all(listening.map(client => client.until(() => client.mark >= mark, 'the mark')))
  }

  // names gives whose these ids are, sorted.
  names(ids) {
    return ids.map(id => this.clients.find(client => client.id === id)?.name ?? 'a stranger').sort()
  }

  // tell adds what everybody heard to the facts.
  tell() {
    for (const client of this.clients) this.note(`${client.name} heard`, client.told())
  }

  dispose() {
    for (const client of this.clients) client.dispose()
  }
}

export class Client {
  mark = 0
  open = false
  stalled = false
  leaving = false
  heard = []
  given = [] // how many arguments the handler of each was given
  #waiting = new Set()

  constructor(name, space) {
    this.name = name
    this.space = space
  }

  hear(event, args, given = args.length) {
    if (event === 'settled') {
      this.mark = args[0]
    } else {
      this.heard.push(`${event}(${args.map(shown).join(',')})`)
      this.given.push(given)
    }
    this.#look()
  }

  // sentAway is what the server did when it ended the connection.
  sentAway(reason, forGood) {
    this.open = false
    this.reason = reason
    this.heard.push(forGood ? '[sent away for good]' : '[sent away, may return]')
    this.#look()
  }

  // until waits for something to become true through what is heard.
  until(yes, what) {
    if (yes()) return
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(look)
        reject(new Error(`${this.name} never heard ${what}, but ${this.told()}`))
      }, 30_000)
      const look = () => {
        if (!yes()) return
        clearTimeout(late)
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
    })
  }

  // told is what was heard, in order; runs of the same word are counted.
  told() {
    const runs = []
    for (const word of this.heard) {
      if (runs.at(-1)?.word === word) runs.at(-1).times++
      else runs.push({ word, times: 1 })
    }
    return runs.map(({ word, times }) => times > 1 ? `${times}×${word}` : word).join(' ') || 'nothing'
  }

  #look() {
    for (const look of [...this.#waiting]) look()
  }
}

function shown(arg) {
  if (arg instanceof Uint8Array) return `<${Buffer.from(arg).toString('hex')}>`
  const text = JSON.stringify(arg)
  return text?.length > 200 ? `${text.length} characters` : text
}
