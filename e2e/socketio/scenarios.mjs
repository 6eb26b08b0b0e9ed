// The script that is told to Socket.IO and to Parley. A scenario is written once, in
// the words that an application of Socket.IO has, and gives facts: what everybody
// heard, in order, and what it noted. The facts of the two have to be equal, but for
// those that docs/socketio.md lists with a reason.
//
// rows are those of the emit cheat sheet in docs/socketio.md that a scenario shows.
// recovery asks for a server that recovers connections; alone for one that nobody
// else uses, since it is ended.
const all = []

export default all

function scenario(name, { rows, recovery = false, alone = false }, tell) {
  all.push({ name, rows, recovery, alone, tell })
}

// A wait is long enough that nothing which happens at once takes as long.
const wait = 4000

// outcome says what came of an emit that asked for answers.
async function outcome(asked) {
  try {
    const answer = await asked
    return JSON.stringify(Array.isArray(answer) ? answer.sort() : answer)
  } catch (late) {
    if (late.message !== 'operation has timed out') return late.message
    return late.responses ? `not all answered: ${JSON.stringify(late.responses.sort())}` : 'no answer'
  }
}

// called is the same for an emit that calls back.
function called(emit) {
  return outcome(new Promise((resolve, reject) => emit((late, answer) => late ? reject(Object.assign(late, { responses: answer })) : resolve(answer))))
}

// timed adds whether it took the whole of the wait.
async function timed(asked) {
  const began = performance.now()
  const came = await outcome(asked)
  return came + (performance.now() - began < wait - 500 ? ', before the timeout' : ', after all of it')
}

// refused says whether a call was taken.
async function refused(call) {
  try {
    await call()
    return 'taken'
  } catch (refusal) {
    return refusal.message
  }
}

const sleep = ms => new Promise(awake => setTimeout(awake, ms))

// becomes waits until a count is what it is to be, and gives what it is.
async function becomes(want, count) {
  let is
  for (let tries = 0; tries < 1000; tries++) {
    if ((is = await count()) === want) break
    await sleep(20)
  }
  return is
}

// crowd connects one client for each name, in the rooms that are given with it.
async function crowd(w, rooms) {
  const clients = {}
  for (const [name, joins] of Object.entries(rooms)) {
    clients[name] = await w.connect(name)
    for (const room of joins) await clients[name].socket.join(room)
  }
  return clients
}

// --- To one client ---

scenario('to one', { rows: [1] }, async w => {
  const { ann } = await crowd(w, { ann: [], bo: [] })
  await ann.socket.emit('greet')
  await ann.socket.emit('news', 1, 'two', { three: [4, null, true] })
  await ann.socket.emit('utf8', 'žluťoučký kůň 🐴 \u0000 "\\')
  await ann.socket.emit('odd', undefined, new Date(0), new Map([[1, 2]]), 1e21, -0)
})

scenario('binary to one', { rows: [1] }, async w => {
  const { ann } = await crowd(w, { ann: [], bo: [] })
  await ann.socket.emit('bytes', Buffer.from([0, 10, 13, 255]))
  await ann.socket.emit('bytes', Buffer.alloc(0))
})

scenario('in the order it was said', { rows: [1, 12, 14] }, async w => {
  const { ann, bo } = await crowd(w, { ann: ['r'], bo: ['r'] })
  for (let i = 0; i < 20; i++) {
    await ann.socket.emit('one', i)
    await w.io.to('r').emit('room', i)
    await bo.socket.broadcast.emit('rest', i)
    await w.io.emit('all', i)
  }
})

scenario('send', { rows: [8, 28] }, async w => {
  const { ann } = await crowd(w, { ann: ['r'], bo: [] })
  await ann.socket.send('to one')
  await w.io.send('to all')
  await w.io.to('r').emit('message', 'to a room')
})

scenario('volatile to one that reads', { rows: [6] }, async w => {
  const { ann } = await crowd(w, { ann: [], bo: [] })
  await ann.socket.emit('kept', 1)
  await w.settled()
  await ann.socket.volatile.emit('volatile', 2)
  await w.settled()
  await ann.socket.emit('kept', 3)
})

scenario('volatile to one that does not read', { rows: [6, 26] }, async w => {
  const { ann, bo } = await crowd(w, { ann: ['r'], bo: ['r'] })
  await w.settled()
  ann.stall()
  // More than the kernel takes for a socket.
  const much = 'x'.repeat(60_000)
  for (let i = 0; i < 150; i++) await w.io.emit('much', much)
  await bo.until(() => bo.heard.length >= 150, 'much')
  await w.settled()
  await ann.socket.volatile.emit('volatile', 'to one')
  await w.io.volatile.emit('volatile', 'to all')
  await w.settled()
  await w.io.to('r').volatile.emit('volatile', 'to a room')
  await w.io.emit('kept')
  // Being stuck for less than a second is no more than a slow network.
  await sleep(1500)
  ann.resume()
  await w.settled()
  await ann.socket.volatile.emit('volatile', 'again')
})

scenario('by its id', { rows: [9] }, async w => {
  const { ann, bo } = await crowd(w, { ann: [], bo: ['r'], cy: ['r'] })
  await w.io.to(ann.id).emit('private', 1)
  await w.io.to([ann.id, bo.id]).emit('private', 2)
  await w.io.to('r').to(bo.id).emit('once', 3)
  await bo.socket.to(ann.id).emit('private', 4)
  await ann.socket.to(ann.id).emit('to herself', 5)
  await w.io.to('aaaaaaaaaaaaaaaa').emit('nobody', 6)
})

scenario('to one who has left', { rows: [1, 9] }, async w => {
  const { ann, bo } = await crowd(w, { ann: ['r'], bo: ['r'] })
  await ann.close()
  w.note('to its socket', await refused(() => ann.socket.emit('late', 1)))
  w.note('to its id', await refused(() => w.io.to(ann.id).emit('late', 2)))
  await w.io.to('r').emit('still', 3)
  await bo.socket.to(ann.id).emit('late', 4)
})

// --- To many ---

scenario('to all', { rows: [12] }, async w => {
  await crowd(w, { ann: [], bo: ['r'], cy: ['r', 's'] })
  await w.io.emit('greet', 1)
  await w.io.emit('greet', { two: 2 })
})

scenario('to all but the sender', { rows: [13] }, async w => {
  const { ann, bo } = await crowd(w, { ann: [], bo: ['r'], cy: [] })
  await ann.socket.broadcast.emit('from ann', 1)
  await bo.socket.broadcast.emit('from bo', 2)
  await ann.socket.broadcast.emit('from ann', 3)
})

scenario('to a room', { rows: [14] }, async w => {
  await crowd(w, { ann: ['r'], bo: ['r', 's'], cy: ['s'], di: [] })
  await w.io.to('r').emit('to', 'r')
  await w.io.in('s').emit('in', 's')
  await w.io.to('nobody is here').emit('to', 'nobody')
  await w.io.to('ř 🐴?&=#%2F').emit('to', 'another nobody')
})

scenario('any room name', { rows: [14] }, async w => {
  await crowd(w, { ann: ['ř 🐴?&=#%2F'], bo: ['a+b'], cy: ['a b'] })
  await w.io.to('ř 🐴?&=#%2F').emit('to', 1)
  await w.io.to('a+b').emit('to', 2)
  await w.io.to('a b').emit('to', 3)
  await w.io.to('A B').emit('to', 4)
})

scenario('to several rooms, each once', { rows: [15] }, async w => {
  await crowd(w, { ann: ['a'], bo: ['a', 'b'], cy: ['a', 'b', 'c'], di: ['c'], ed: ['d'], flo: [] })
  await w.io.to('a').to(['b', 'c']).emit('abc', 1)
  await w.io.to(['a', 'a']).emit('aa', 2)
  await w.io.in('b').to('d').emit('bd', 3)
  await w.io.to(['a', 'nobody']).emit('a', 4)
})

scenario('except', { rows: [16] }, async w => {
  const { ann, di } = await crowd(w, { ann: ['r'], bo: ['r', 's'], cy: ['s'], di: [] })
  await w.io.except('r').emit('not r', 1)
  await w.io.except(ann.id).emit('not ann', 2)
  await w.io.except(['s', di.id]).emit('not s nor di', 3)
  await w.io.except('r').except('s').emit('not r nor s', 4)
  await w.io.except('nobody').emit('all', 5)
})

scenario('several rooms less others', { rows: [17] }, async w => {
  const { bo } = await crowd(w, { ann: ['a'], bo: ['b'], cy: ['c'], di: ['a', 'd'], ed: ['d'], flo: [] })
  await w.io.to('a').to(['b', 'c']).except('d').emit('abc not d', 1)
  await w.io.except('d').to('a').emit('a not d', 2)
  await w.io.to('a').except('a').emit('nobody', 3)
  await w.io.to(['a', 'b']).except(['d', bo.id]).emit('ab not d nor bo', 4)
})

scenario('to a room but the sender', { rows: [18] }, async w => {
  const { ann, cy } = await crowd(w, { ann: ['a', 'b'], bo: ['a'], cy: ['b'], di: [] })
  await ann.socket.to('a').emit('a', 1)
  await cy.socket.to('a').emit('a, from without', 2)
  await ann.socket.to('a').to('b').emit('ab', 3)
  await ann.socket.in(['a', 'b']).emit('ab', 4)
  await cy.socket.to('a').to(ann.id).emit('a and ann once', 5)
})

scenario('except, but the sender', { rows: [19] }, async w => {
  const { ann, di } = await crowd(w, { ann: [], bo: ['r'], cy: ['s'], di: [] })
  await ann.socket.except('r').emit('not r', 1)
  await ann.socket.broadcast.except('s').emit('not s', 2)
  await ann.socket.except(di.id).emit('not di', 3)
  await ann.socket.to('r').to('s').except('s').emit('rs not s', 4)
})

scenario('namespaces', { rows: [12, 20] }, async w => {
  const { ann } = await crowd(w, { ann: ['r'] })
  const bo = await w.connect('bo', { ns: 'other' })
  const cy = await w.connect('cy', { ns: 'other' })
  await bo.socket.join('r')
  await w.io.emit('here', 1)
  await w.io.to('r').emit('here in r', 2)
  await w.of('other').emit('there', 3)
  await w.of('other').to('r').emit('there in r', 4)
  await ann.socket.broadcast.emit('from ann', 5)
  await cy.socket.to('r').emit('from cy', 6)
  await w.io.to(bo.id).emit('to an id of the other', 7)
  await w.of('other').except('r').emit('there not r', 8)
})

scenario('volatile to many', { rows: [26] }, async w => {
  await crowd(w, { ann: ['r'], bo: ['s'] })
  await w.settled()
  await w.io.volatile.emit('volatile', 'all')
  await w.settled()
  await w.io.to('r').volatile.emit('volatile', 'r')
  await w.settled()
  await w.io.volatile.except('r').emit('volatile', 'not r')
  await w.settled()
})

scenario('no room at all', { rows: [12] }, async w => {
  await crowd(w, { ann: [], bo: ['r'] })
  w.note('to([])', await refused(() => w.io.to([]).emit('to no room', 1)))
})

scenario('names that are taken', { rows: [1] }, async w => {
  const taken = []
  for (const name of ['bye', 'connect', 'connect_error', 'connection', 'disconnect', 'disconnecting', 'erased', 'error', 'gap', 'hello', 'message', 'newListener', 'open', 'presence', 'removeListener', 'rooms', 'typing']) {
    if (await refused(() => w.io.emit(name)) !== 'taken') taken.push(name)
  }
  w.note('refused', taken.join(' '))
})

// --- Answers ---

// answering has clients answer a question with their names.
function answering(...clients) {
  for (const client of clients) client.on('who', answer => answer(client.name))
}

scenario('an answer of one', { rows: [2, 3, 4, 5] }, async w => {
  const { ann, bo } = await crowd(w, { ann: [], bo: [] })
  ann.on('double', (n, answer) => answer(n * 2))
  ann.on('thing', answer => answer({ a: [1, null, 'ž'] }))
  ann.on('nothing', answer => answer())
  w.note('a number', await outcome(ann.socket.timeout(wait).emitWithAck('double', 21)))
  w.note('a thing', await outcome(ann.socket.timeout(wait).emitWithAck('thing')))
  w.note('nothing', String(await ann.socket.timeout(wait).emitWithAck('nothing') ?? null))
  w.note('none', await timed(bo.socket.timeout(wait).emitWithAck('double', 1)))
})

scenario('the answers of all', { rows: [21, 22] }, async w => {
  const { ann, bo, cy } = await crowd(w, { ann: [], bo: ['r'], cy: ['r'] })
  answering(ann, bo, cy)
  w.note('all', await timed(w.io.timeout(wait).emitWithAck('who')))
  w.note('a room', await outcome(w.io.to('r').timeout(wait).emitWithAck('who')))
  w.note('all but one', await outcome(w.io.except(bo.id).timeout(wait).emitWithAck('who')))
  w.note('all but the sender', await outcome(ann.socket.broadcast.timeout(wait).emitWithAck('who')))
  w.note('one by its id', await outcome(w.io.to(cy.id).timeout(wait).emitWithAck('who')))
})

scenario('the answers of another namespace', { rows: [21] }, async w => {
  const { ann } = await crowd(w, { ann: [] })
  const bo = await w.connect('bo', { ns: 'other' })
  answering(ann, bo)
  w.note('there', await outcome(w.of('other').timeout(wait).emitWithAck('who')))
})

scenario('some of the answers', { rows: [21, 22] }, async w => {
  const { ann, bo } = await crowd(w, { ann: [], bo: [], cy: [] })
  answering(ann, bo)
  w.note('outcome', await timed(w.io.timeout(wait).emitWithAck('who')))
})

scenario('who did not answer', { rows: [21, 22] }, async w => {
  const { ann } = await crowd(w, { ann: [], bo: [], cy: [] })
  answering(ann)
  const late = await w.io.timeout(wait).emitWithAck('who').catch(late => late)
  w.note('missing', late.missing ? w.names(late.missing) : 'not told')
})

scenario('nobody to answer', { rows: [21, 22] }, async w => {
  await crowd(w, { ann: [] })
  w.note('an empty room', await timed(w.io.to('nobody').timeout(wait).emitWithAck('who')))
  w.note('all less all', await timed(w.io.to('nobody').except('nobody').timeout(wait).emitWithAck('who')))
})

scenario('an answer of one who has left', { rows: [9, 10] }, async w => {
  const { ann, bo } = await crowd(w, { ann: [], bo: [] })
  answering(ann, bo)
  await ann.close()
  w.note('outcome', await timed(w.io.to(ann.id).timeout(wait).emitWithAck('who')))
})

scenario('one leaves instead of answering', { rows: [21, 22] }, async w => {
  const { ann, bo } = await crowd(w, { ann: [], bo: [] })
  answering(ann)
  const asked = timed(w.io.timeout(wait).emitWithAck('who'))
  await bo.until(() => bo.heard.length > 0, 'who')
  await bo.close()
  w.note('outcome', await asked)
})

scenario('one that is asked is sent away', { rows: [4, 5] }, async w => {
  const { ann } = await crowd(w, { ann: [] })
  const asked = timed(ann.socket.timeout(wait).emitWithAck('who'))
  await ann.until(() => ann.heard.length > 0, 'who')
  await ann.socket.disconnect()
  await ann.until(() => !ann.open, 'the end')
  w.note('outcome', await asked)
})

scenario('one answers twice', { rows: [21, 44] }, async w => {
  const { ann, bo } = await crowd(w, { ann: [], bo: [] })
  const answered = []
  ann.on('who', async answer => {
    answered.push(await answer('first'), await answer('second'))
    bo.socket.broadcast.emit('done')
  })
  bo.on('who', async answer => {
    await ann.until(() => answered.length === 2, 'done')
    answer('bo')
  })
  w.note('outcome', await outcome(w.io.timeout(wait).emitWithAck('who')))
})

scenario('one answers too late', { rows: [21, 44] }, async w => {
  const { ann } = await crowd(w, { ann: [] })
  let late
  ann.on('who', answer => { late = answer })
  w.note('outcome', await outcome(w.io.timeout(300).emitWithAck('who')))
  w.note('the late answer', await late('late') ?? 'dropped')
})

scenario('every word in one call', { rows: [24] }, async w => {
  const { ann, bo, cy } = await crowd(w, { ann: ['a', 'b'], bo: ['a'], cy: ['b', 'c'], di: ['c', 'd'], ed: ['d'] })
  answering(ann, bo, cy)
  w.note('promised', await outcome(ann.socket.timeout(wait).to('a').to(['b', 'c']).except('d').emitWithAck('who')))
  w.note('the order of the words', await outcome(ann.socket.except('d').to(['c', 'b', 'a']).timeout(wait).emitWithAck('who')))
})

scenario('the answers do not hold up the rest', { rows: [21, 12] }, async w => {
  const { ann, bo } = await crowd(w, { ann: [], bo: [] })
  answering(bo)
  let answer
  ann.on('who', given => { answer = given })
  const asked = outcome(w.io.timeout(wait).emitWithAck('who'))
  await ann.until(() => ann.heard.length > 0, 'who')
  await w.io.emit('meanwhile')
  await ann.until(() => ann.heard.length === 2, 'meanwhile')
  answer('ann')
  w.note('outcome', await asked)
})

// --- From a client to the application ---

scenario('an answer of the application', { rows: [36, 37, 38, 39] }, async w => {
  await w.handle('double', (client, n, answer) => answer(n * 2))
  await w.handle('whose', (client, answer) => answer(client.name))
  const { ann, bo } = await crowd(w, { ann: [], bo: [] })
  w.note('called back', await new Promise(told => ann.up.emit('double', 21, told)))
  w.note('promised', await outcome(ann.up.emitWithAck('double', 4)))
  w.note('called back in time', await called(told => ann.up.timeout(wait).emit('double', 5, told)))
  w.note('promised in time', await outcome(bo.up.timeout(wait).emitWithAck('whose')))
})

scenario('the application does not answer', { rows: [38, 39] }, async w => {
  await w.handle('silent', () => {})
  const { ann } = await crowd(w, { ann: [] })
  w.note('called back', await called(told => ann.up.timeout(300).emit('silent', told)))
  w.note('promised', await timed(ann.up.timeout(wait).emitWithAck('silent')))
})

scenario('the client leaves before the answer', { rows: [36, 37] }, async w => {
  const asked = []
  await w.handle('ask', (client, answer) => asked.push(answer))
  const { ann, bo } = await crowd(w, { ann: [], bo: [] })
  const back = new Promise(told => ann.up.emit('ask', told))
  const promised = outcome(ann.up.emitWithAck('ask'))
  for (let tries = 0; asked.length < 2 && tries < 500; tries++) await sleep(10)
  await ann.close()
  for (const answer of asked) answer('here')
  await bo.socket.emit('marker')
  w.note('called back', await Promise.race([back, sleep(1000).then(() => 'never')]))
  w.note('promised', await promised)
})

scenario('the client has left before it asks', { rows: [38, 39] }, async w => {
  await w.handle('double', (client, n, answer) => answer(n * 2))
  const { ann } = await crowd(w, { ann: [] })
  await ann.close()
  const back = called(told => ann.up.timeout(wait).emit('double', 21, told))
  w.note('promised', await outcome(ann.up.timeout(wait).emitWithAck('double', 21)))
  w.note('called back', await back)
})

scenario('clients speak in order', { rows: [35] }, async w => {
  await w.handle('say', (client, n) => said.push(`${client.name} ${n}`))
  const said = []
  const { ann } = await crowd(w, { ann: [] })
  for (let i = 0; i < 20; i++) await ann.up.emit('say', i)
  for (let tries = 0; said.length < 20 && tries < 500; tries++) await sleep(10)
  w.note('the application heard', said.join(' '))
})

// --- Many at once: section 2.5 ---

scenario('said just before', { rows: [14, '2.5'] }, async w => {
  const { ann, bo } = await crowd(w, { ann: [], bo: [] })
  for (let i = 0; i < 10; i++) {
    await ann.socket.join('r')
    await w.io.in(bo.id).socketsJoin('s')
    await w.io.to('r').to('s').emit('before they leave', i)
    await ann.socket.leave('r')
    await w.io.in(bo.id).socketsLeave('s')
    await w.io.to('r').to('s').emit('after they left', i)
  }
  await w.io.emit('last words')
  await w.io.disconnectSockets()
  await ann.until(() => !ann.open, 'the end')
  await bo.until(() => !bo.open, 'the end')
})

scenario('said just before, to one that reads slowly', { rows: [14, 16, '2.5'] }, async w => {
  const { ann, bo } = await crowd(w, { ann: ['r'], bo: ['r'] })
  await w.settled()
  for (const slow of [ann, bo]) slow.stall()
  // More than the network holds, and less than a room's window does.
  const much = 'x'.repeat(60_000)
  for (let i = 0; i < 12; i++) await w.io.to('r').emit('much', much)
  await w.io.to('r').emit('before she leaves')
  await ann.socket.leave('r')
  await w.io.to('r').emit('after she left')
  await w.io.except('s').emit('before she joins')
  await w.io.in(ann.id).socketsJoin('s')
  await w.io.except('s').emit('after she joined')
  await w.io.to(bo.id).emit('last words')
  await w.io.in(bo.id).disconnectSockets()
  for (const slow of [ann, bo]) slow.resume()
  await bo.until(() => !bo.open, 'the end')
})

scenario('socketsJoin', { rows: ['2.5'] }, async w => {
  await crowd(w, { ann: ['a'], bo: ['a', 'b'], cy: ['c'] })
  await w.io.in('a').socketsJoin('x')
  await w.io.to('x').emit('x', 1)
  await w.io.in('a').except('b').socketsJoin(['y', 'z'])
  await w.io.to('y').to('z').emit('yz', 2)
  await w.io.socketsJoin('all')
  await w.io.to('all').emit('all', 3)
  await w.io.in('nobody').socketsJoin('w')
  await w.io.to('w').emit('w', 4)
  w.note('in x', await w.count('x'))
  w.note('in y', await w.count('y'))
  w.note('in all', await w.count('all'))
  w.note('in w', await w.count('w'))
})

scenario('socketsJoin by an id', { rows: ['2.5'] }, async w => {
  const { ann } = await crowd(w, { ann: [], bo: [] })
  await w.io.in(ann.id).socketsJoin('x')
  await w.io.to('x').emit('x', 1)
  await w.io.in(ann.id).socketsLeave('x')
  await w.io.to('x').emit('x', 2)
})

scenario('socketsLeave', { rows: ['2.5'] }, async w => {
  await crowd(w, { ann: ['a', 'x'], bo: ['a', 'b', 'x'], cy: ['c', 'x'] })
  await w.io.in('b').socketsLeave('x')
  await w.io.to('x').emit('without bo', 1)
  await w.io.except('c').socketsLeave(['x', 'a'])
  await w.io.to('x').to('a').emit('cy alone', 2)
  await w.io.socketsLeave('x')
  await w.io.to('x').emit('nobody', 3)
  w.note('in x', await w.count('x'))
})

scenario('join, then emit at once', { rows: ['2.5'] }, async w => {
  await crowd(w, { ann: [], bo: [], cy: [] })
  for (let i = 0; i < 10; i++) {
    await w.io.socketsJoin(`r${i}`)
    await w.io.to(`r${i}`).emit('r', i)
  }
})

scenario('disconnectSockets', { rows: ['2.5'] }, async w => {
  const { ann } = await crowd(w, { ann: ['r'], bo: ['r', 's'], cy: [] })
  await w.io.to('r').except('s').emit('last words', 1)
  await w.io.in('r').except('s').disconnectSockets()
  await ann.until(() => !ann.open, 'the end')
  await w.io.emit('still here', 2)
  w.note('left', await becomes(2, () => w.count()))
  w.note('in r', await w.count('r'))
})

scenario('disconnectSockets, everyone', { rows: ['2.5'] }, async w => {
  const { ann, bo } = await crowd(w, { ann: ['r'], bo: [] })
  for (let i = 0; i < 5; i++) await w.io.emit('last words', i)
  await w.io.disconnectSockets()
  await ann.until(() => !ann.open, 'the end')
  await bo.until(() => !bo.open, 'the end')
  w.note('left', await becomes(0, () => w.count()))
})

scenario('disconnect one', { rows: ['2.5'] }, async w => {
  const { ann } = await crowd(w, { ann: ['r'], bo: ['r'] })
  await ann.socket.emit('last words', 1)
  await ann.socket.disconnect()
  await ann.until(() => !ann.open, 'the end')
  await w.io.to('r').emit('still here', 2)
  w.note('in r', await w.count('r'))
})

scenario('fetchSockets', { rows: ['2.5'] }, async w => {
  const { ann, bo } = await crowd(w, { ann: ['a', 'b'], bo: ['b'], cy: ['c'] })
  await ann.describe({ colour: 'red', n: [1] })
  const ids = async target => w.names((await target.fetchSockets()).map(s => s.id))
  w.note('all', await ids(w.io))
  w.note('in b', await ids(w.io.in('b')))
  w.note('in a or c', await ids(w.io.in(['a', 'c'])))
  w.note('all but b', await ids(w.io.except('b')))
  w.note('in b but a', await ids(w.io.in('b').except('a')))
  w.note('in nobody', await ids(w.io.in('nobody')))
  w.note('bo by id', await ids(w.io.in(bo.id)))
  const [her] = await w.io.in(ann.id).fetchSockets()
  w.note('rooms of ann', [...her.rooms].filter(room => room !== ann.id).sort())
  w.note('data of ann', her.data)
  const [his] = await w.io.in(bo.id).fetchSockets()
  w.note('data of bo', his.data)
})

scenario('its own room', { rows: ['2.5'] }, async w => {
  const { ann } = await crowd(w, { ann: ['r'] })
  const [her] = await w.io.in(ann.id).fetchSockets()
  w.note('rooms', [...her.rooms].map(room => room === ann.id ? 'its id' : room).sort())
})

scenario('allSockets', { rows: ['2.5'] }, async w => {
  await crowd(w, { ann: [], bo: [] })
  w.note('all', w.names(await w.allSockets()))
})

scenario('counts', { rows: ['2.5'] }, async w => {
  const { ann, bo } = await crowd(w, { ann: ['r'], bo: ['r', 's'], cy: [] })
  w.note('all', await w.count())
  w.note('in r', await w.count('r'))
  w.note('in s', await w.count('s'))
  w.note('in a room never joined', await w.count('nobody'))
  await ann.socket.leave('r')
  w.note('in r without ann', await w.count('r'))
  await bo.socket.leave('s')
  w.note('in s without bo', await w.count('s'))
  await bo.close()
  w.note('in r without bo', await w.count('r'))
  w.note('all without bo', await w.count())
})

scenario('who leaves has left every room', { rows: ['2.5'] }, async w => {
  const { ann, bo } = await crowd(w, { ann: ['a', 'b'], bo: ['a'] })
  await ann.close()
  w.note('in a', await w.count('a'))
  w.note('in b', await w.count('b'))
  await w.io.to('a').to('b').emit('still here')
  await w.settled()
  await bo.close()
  w.note('in the end', await w.count())
})

scenario('who is cut off', { rows: ['2.5'] }, async w => {
  const { ann } = await crowd(w, { ann: ['a'], bo: ['a'] })
  await ann.cut()
  w.note('in a, at once', await w.count('a'))
  w.note('in a, in the end', await becomes(1, () => w.count('a')))
})

scenario('close', { rows: ['2.5'], alone: true }, async w => {
  await crowd(w, { ann: ['a'], bo: [] })
  await w.io.emit('last words')
  await w.shutdown()
  for (const client of w.clients) await client.until(() => !client.open, 'the end')
})

// --- Recovery: rows 47 and 48 of the bar ---

// warm has everybody hear something, without which Socket.IO recovers nobody.
async function warm(w) {
  await w.io.emit('warm')
  await w.settled()
}

scenario('a cut and a return', { rows: ['47'], recovery: true }, async w => {
  const { ann, bo } = await crowd(w, { ann: ['r'], bo: [] })
  await ann.describe({ colour: 'red' })
  await warm(w)
  const { id } = ann
  await ann.cut()
  await w.io.to('r').emit('missed', 1)
  await w.io.emit('missed', 2)
  await bo.socket.to('r').emit('missed', 3)
  await w.io.to('s').emit('not hers', 4)
  await ann.back()
  await w.io.to('r').emit('live', 5)
  await w.settled()
  w.note('recovered', ann.recovered)
  w.note('the same id', ann.id === id)
  const [her] = await w.io.in(ann.id).fetchSockets()
  w.note('rooms', [...her.rooms].filter(room => room !== ann.id))
  w.note('data', her.data)
})

scenario('cut again and again', { rows: ['47'], recovery: true }, async w => {
  const { ann } = await crowd(w, { ann: ['r'] })
  await warm(w)
  for (let i = 0; i < 5; i++) {
    await ann.cut()
    await w.io.to('r').emit('missed', i)
    await ann.back()
    await w.settled()
  }
})

scenario('one own word while away', { rows: ['47'], recovery: true }, async w => {
  const { ann } = await crowd(w, { ann: ['r'], bo: ['r'] })
  await warm(w)
  await ann.socket.to('r').emit('said', 1)
  await w.settled()
  await ann.cut()
  await w.io.to('r').emit('missed', 2)
  await ann.back()
})

scenario('volatile while away', { rows: [6, '47'], recovery: true }, async w => {
  const { ann } = await crowd(w, { ann: ['r'], bo: ['r'] })
  await warm(w)
  await ann.cut()
  await w.io.to('r').volatile.emit('volatile', 1)
  await w.io.to('r').emit('missed', 2)
  await ann.back()
})

scenario('cut off before anything was heard', { rows: ['47'], recovery: true }, async w => {
  const { ann } = await crowd(w, { ann: ['r'] })
  await ann.cut()
  await w.io.to('r').emit('missed', 1)
  await ann.back()
  w.note('recovered', ann.recovered)
})

scenario('asked while away', { rows: ['47'], recovery: true }, async w => {
  const { ann } = await crowd(w, { ann: [] })
  answering(ann)
  await warm(w)
  await ann.cut()
  const asked = outcome(w.io.timeout(wait).emitWithAck('who'))
  await ann.back()
  w.note('outcome', await asked)
})

scenario('counted while away', { rows: ['47'], recovery: true }, async w => {
  const { ann } = await crowd(w, { ann: ['r'], bo: ['r'] })
  await warm(w)
  await ann.cut()
  w.note('in r', await w.count('r'))
})

scenario('what a handler is given', { rows: ['49'], recovery: true }, async w => {
  const { ann } = await crowd(w, { ann: [] })
  await w.io.emit('one', 1)
  await w.settled()
  w.note('arguments', ann.given)
})

scenario('left for good, and back', { rows: ['48'], recovery: true }, async w => {
  const { ann } = await crowd(w, { ann: ['r'] })
  await warm(w)
  const { id } = ann
  await ann.close()
  await w.io.emit('missed', 1)
  await w.io.to('r').emit('missed', 2)
  await ann.back()
  await w.io.to('r').emit('not in r now', 3)
  w.note('recovered', ann.recovered)
  w.note('the same id', ann.id === id)
})

scenario('back from an unknown place', { rows: ['48'], recovery: true }, async w => {
  const { ann } = await crowd(w, { ann: [] })
  await warm(w)
  const { id } = ann
  await ann.cut()
  await w.io.emit('missed', 1)
  await ann.forget()
  await ann.back()
  await w.io.emit('live', 2)
  w.note('recovered', ann.recovered)
  w.note('the same id', ann.id === id)
})
