// A real socket.io-client: watches a board and posts to it, then prints what it was told as one JSON object.
// Usage: node client.mjs URL BOARD websocket|polling|upgrade
import { io } from 'socket.io-client'
import { once } from 'node:events'

const [url, board, mode] = process.argv.slice(2)
const transports = { websocket: ['websocket'], polling: ['polling'], upgrade: ['polling', 'websocket'] }[mode]
const topic = `board:${board}:all`
const socket = io(url, { transports, reconnection: false, forceNew: true })
const frames = []
socket.on('board', (frame) => frames.push(frame))
socket.on('connect_error', (error) => { throw error })
socket.on('disconnect', (reason) => { if (reason !== 'io client disconnect') throw new Error(reason) })

const ask = (event, payload) => socket.timeout(10_000).emitWithAck(event, payload)

let first
socket.io.once('open', () => { first = socket.io.engine.transport.name })
await once(socket, 'connect')
if (mode === 'upgrade' && socket.io.engine.transport.name === 'polling') await once(socket.io.engine, 'upgrade')

const told = { first, subscribed: await ask('subscribe', { topic, limit: 20 }), results: [], synced: [] }
const batch = Array.from({ length: 30 }, (_, i) => ({ player: `плеер ${i}`, score: (i * 7919) % 1000 }))
const { results } = await ask('scores', { board, scores: [...batch, { player: '', score: 1 }] })
told.results.push(...results)
told.synced.push(await ask('sync', { topic, position: results[29].position }))
for (let i = 0; i < 4; i++) {
  const result = await ask('score', { board, player: `плеер ${i}`, score: 1000 + i })
  told.results.push(result)
  told.synced.push(await ask('sync', { topic, position: result.position }))
}
told.refused = await ask('score', { board, player: 'x', score: 1.5 })
told.unsubscribed = await ask('unsubscribe', { topic })
told.transport = socket.io.engine.transport.name
told.frames = frames
socket.disconnect()
console.log(JSON.stringify(told))
