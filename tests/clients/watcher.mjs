// Viewers on real socket.io-clients that connect again by themselves: the same program as `watcher.py`, which says more.
import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { io } from 'socket.io-client'

const [url, given] = process.argv.slice(2)
const { name, viewers, topics, scores, naive } = JSON.parse(given)
const WAYS = [['websocket'], ['websocket'], ['polling', 'websocket'], ['polling']]
const told = { gaps: 0, frames: 0, connects: 0, wrong: [], states: {}, acknowledged: [], posted: 0 }

class Gap extends Error {}

/** What a viewer of one topic sees, by the contract's rules. */
class Picture {
  epoch = ''
  seq = 0
  players = 0
  rows = new Map()
  held = []
  waiting = true
  round = 0

  take({ epoch, seq, snapshot }) {
    const held = this.held.filter((frame) => frame.epoch === epoch && frame.seq > seq)
    Object.assign(this, { epoch, seq, players: snapshot.players, held: [], waiting: false })
    this.rows = new Map(snapshot.rows.map((row) => [row.rank, row]))
    for (const frame of held) this.show(frame)
  }

  show(frame) {
    if (this.waiting) return this.held.push(frame)
    if (frame.epoch !== this.epoch) throw new Error('a frame of another life of the topic')
    if (frame.seq <= this.seq) throw new Error('frames go backwards')
    if (!frame.full && frame.seq !== this.seq + 1 && !naive) throw new Gap()
    if (frame.full) this.rows.clear()
    for (const row of frame.rows) this.rows.set(row.rank, row)
    for (const rank of this.rows.keys()) if (rank > frame.players) this.rows.delete(rank)
    this.seq = frame.seq
    this.players = frame.players
  }

  get text() {
    const rows = [...this.rows.values()].sort((a, b) => a.rank - b.rank)
    return [this.players, ...rows.map((row) => `${row.rank} ${row.player} ${row.score}`)].join('\n')
  }
}

class Viewer {
  pictures = new Map(Object.keys(topics).map((topic) => [topic, new Picture()]))

  constructor(n) {
    const options = { transports: WAYS[n % WAYS.length], reconnectionDelay: 50, reconnectionDelayMax: 300, timeout: 3000 }
    this.socket = io(url, { ...options, forceNew: true })
    this.socket.on('connect', () => {
      told.connects++
      for (const topic of this.pictures.keys()) this.ask(topic)
    })
    this.socket.on('disconnect', () => {
      for (const picture of this.pictures.values()) Object.assign(picture, { waiting: true, held: [] })
    })
    this.socket.on('board', (frame) => {
      told.frames++
      this.follow(frame.topic, (picture) => picture.show(frame))
    })
  }

  ask(topic) {
    const picture = this.pictures.get(topic), round = ++picture.round
    picture.waiting = true
    picture.held = []
    this.socket.timeout(5000).emit('subscribe', { topic, limit: topics[topic] }, (lost, answer) => {
      if (round !== picture.round || !this.socket.connected) return
      if (lost || answer.error) setTimeout(() => this.socket.connected && this.ask(topic), 200)
      else this.follow(topic, () => picture.take(answer))
    })
  }

  follow(topic, step) {
    const picture = this.pictures.get(topic)
    try {
      step(picture)
    } catch (error) {
      if (!(error instanceof Gap)) return told.wrong.push(`${topic}: ${error.message}`)
      told.gaps++
      return this.ask(topic)
    }
    if (!picture.waiting) note(topic, picture)
  }

  post() {
    if (!this.socket.connected) return
    const number = ++told.posted
    this.socket.timeout(5000).emit('score', { board: scores, player: `${name} ${number}`, score: number }, (lost, answer) => {
      if (!lost && !answer.error) told.acknowledged.push(number)
    })
  }
}

function note(topic, { epoch, seq, text }) {
  const key = `${topic} ${epoch} ${seq}`, digest = createHash('sha1').update(text).digest('hex').slice(0, 16)
  if ((told.states[key] ??= digest) !== digest) told.wrong.push(`${key}: not what others saw`)
}

const all = Array.from({ length: viewers }, (_, n) => new Viewer(n))
let turn = 0
const posting = scores && setInterval(() => all[turn++ % viewers].post(), 250 / viewers)
const until = async (holds, within_ms) => {
  const end = Date.now() + within_ms
  while (!holds() && Date.now() < end) await new Promise((next) => setTimeout(next, 10))
  return holds()
}
const see = (viewer, topic) => !viewer.pictures.get(topic).waiting
if (await until(() => all.every((viewer) => [...viewer.pictures.keys()].every((topic) => see(viewer, topic))), 20_000))
  console.log('ready')

for await (const line of createInterface({ input: process.stdin })) {
  const { rows, within_s } = JSON.parse(line)
  clearInterval(posting)
  const odd = () => all.flatMap((viewer, n) => Object.keys(rows).filter((topic) =>
    !see(viewer, topic) || viewer.pictures.get(topic).text !== rows[topic]).map((topic) => `${WAYS[n % WAYS.length]} ${topic}`))
  await until(() => odd().length === 0, within_s * 1000)
  told.unequal = odd()
  for (const viewer of all) viewer.socket.disconnect()
  process.stdout.write(JSON.stringify(told) + '\n', () => process.exit())
}
