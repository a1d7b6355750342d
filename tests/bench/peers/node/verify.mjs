// Verifies tokens with one library, and tells how long it takes. ../processes.rs says what the lines are.
//
// Usage: node verify.mjs jose|fast-jwt

import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const header = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url'))

// Each makes a function that verifies a token, and returns a result or the promise of one.
const libraries = {
  async jose({ issuer, audience }, { algorithm, keys }) {
    const { createLocalJWKSet, jwtVerify } = await import('jose')
    const set = createLocalJWKSet(keys)
    const options = { issuer, audience, algorithms: [algorithm] }
    return (token) => jwtVerify(token, set, options)
  },
  async 'fast-jwt'({ issuer, audience }, { algorithm, keys, token }) {
    const { createVerifier } = await import('fast-jwt')
    const jwk = keys.keys.find((key) => key.kid === header(token).kid)
    const key = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    return createVerifier({ key, algorithms: [algorithm], allowedIss: issuer, allowedAud: audience })
  },
}

async function isRefused(verify, token) {
  try {
    await verify(token)
    return false
  } catch {
    return true
  }
}

// Verifies a token several times, one time after the other. Only a promise is waited for.
async function repeat(verify, token, times) {
  for (let time = 0; time < times; time++) {
    const result = verify(token)
    if (result instanceof Promise) await result
  }
}

// The CPU time of all threads of this process, in nanoseconds.
const cpu = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1000
}

const library = process.argv[2]
const write = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
const verifiers = new Map()
let settings

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  if (!settings) {
    settings = request
    for (const one of settings.cases) {
      const verify = await libraries[library](settings, one)
      for (const token of one.refused) {
        if (!(await isRefused(verify, token))) throw new Error(`${library} accepts a bad token: ${token}`)
      }
      await repeat(verify, one.token, settings.first)
      verifiers.set(one.algorithm, () => repeat(verify, one.token, settings.times))
    }
    const { version } = JSON.parse(readFileSync(new URL(`node_modules/${library}/package.json`, import.meta.url)))
    write({ name: `${library} ${version} (Node ${process.versions.node})` })
    continue
  }
  const [clockStart, cpuStart] = [process.hrtime.bigint(), cpu()]
  await verifiers.get(request)()
  const [clockEnd, cpuEnd] = [process.hrtime.bigint(), cpu()]
  write({
    cpu: (cpuEnd - cpuStart) / settings.times,
    clock: Number(clockEnd - clockStart) / settings.times,
  })
}
