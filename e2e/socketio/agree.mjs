// Tells every scenario to Socket.IO and to Parley and prints the facts of both, as JSON:
//
//	node agree.mjs URL KEY PID URL-TO-END PID-TO-END
//
// Scenarios run side by side, each in a namespace of its own; a name as the last
// argument runs that one alone.
import { Host as OurHost } from './ours.mjs'
import scenarios from './scenarios.mjs'
import { Host as TheirHost } from './theirs.mjs'

const [url, key, ending, endingPid, only] = process.argv.slice(2)

const theirs = {
  plain: await new TheirHost().start(),
  recovery: await new TheirHost({ connectionStateRecovery: {} }).start(),
  alone: await new TheirHost().start()
}
const ours = { plain: new OurHost(url, key), alone: new OurHost(ending, key, Number(endingPid)) }
ours.recovery = ours.plain

// told gives the facts of a scenario, or why there are none.
async function told({ name, recovery, alone, tell }, i, hosts) {
  const world = hosts[alone ? 'alone' : recovery ? 'recovery' : 'plain'].world(`s${i}`, recovery)
  let late
  try {
    await Promise.race([
      tell(world).then(() => world.settled()),
      new Promise((_, reject) => { late = setTimeout(reject, 60_000, new Error('it took too long')) })
    ])
    world.tell()
    return { facts: world.facts }
  } catch (error) {
    return { facts: world.facts, error: `${name}: ${error.stack}` }
  } finally {
    clearTimeout(late)
    world.dispose()
  }
}

const transcript = await Promise.all(scenarios
  .map((scenario, i) => ({ scenario, i }))
  .filter(({ scenario }) => !only || scenario.name === only)
  .map(async ({ scenario, i }) => {
    const [there, here] = await Promise.all([told(scenario, i, theirs), told(scenario, i, ours)])
    return { name: scenario.name, rows: scenario.rows.map(String), there, here }
  }))
console.log(JSON.stringify(transcript, null, 1))
for (const host of Object.values(theirs)) await host.close()
process.exit()
