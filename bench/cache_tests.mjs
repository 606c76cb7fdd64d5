// What cache_tests.py needs of the suite, in the suite's own language:
//   node cache_tests.mjs serve FOLDER    its origin, on loopback alone (the suite's own listens everywhere)
//   node cache_tests.mjs judge FOLDER    its verdicts on the results that come in, one line of JSON for each test
// FOLDER is the npm package, or a checkout of the suite's repository, which keeps its engine one folder deeper.

import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'

const VERDICTS = {
  '-': 'untested', '✅': 'pass', '⛔️': 'fail', '⚠️': 'fail', Y: 'yes', N: 'no', '🔹': 'setup', '⁉️': 'harness', '⚪️': 'dependency', '↻': 'retry'
}
const [verb, folder] = process.argv.slice(2)
const engine = fs.existsSync(path.join(folder, 'test-engine')) ? path.join(folder, 'test-engine') : folder

if (verb === 'serve') await serve()
else if (verb === 'judge') await judge()
else throw new Error(`unknown verb ${verb}`)

async function serve () {
  const listen = net.Server.prototype.listen
  net.Server.prototype.listen = function (port) { return listen.call(this, port, '127.0.0.1') }
  await import(path.join(engine, 'server', 'server.mjs'))
}

async function judge () {
  const suites = (await import(path.join(folder, 'tests', 'index.mjs'))).default
  const surrogate = path.join(folder, 'tests', 'surrogate-control.mjs')
  if (fs.existsSync(surrogate)) suites.push((await import(surrogate)).default)
  const display = fs.existsSync(path.join(engine, 'lib', 'results.mjs')) ? 'results.mjs' : 'display.mjs'
  const { determineTestResult } = await import(path.join(engine, 'lib', display))
  const results = JSON.parse(fs.readFileSync(0, 'utf8'))
  for (const suite of suites) {
    for (const test of suite.tests) {
      if (test.browser_only) continue
      const [, , symbol] = determineTestResult(suites, test.id, results)
      const detail = Array.isArray(results[test.id]) ? results[test.id].join(': ') : ''
      console.log(JSON.stringify({
        id: test.id, section: suite.name, kind: test.kind || 'required', name: test.name, verdict: VERDICTS[symbol], detail
      }))
    }
  }
}
