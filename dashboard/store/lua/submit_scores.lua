-- Apply a batch of scores to one board: the whole batch, or nothing where the caller's picture is out of date.
-- KEYS[1] board hash  KEYS[2] events stream  KEYS[3] history stream  KEYS[4] set of periods  KEYS[5] marks hash
-- KEYS[6..] rankings: first those of the periods open now, in the board's order, then those that late scores need
-- ARGV[1] revision  ARGV[2] channel  ARGV[3] board  ARGV[4] order  ARGV[5] rule
-- ARGV[6] ARGV[7] the open periods hold from (incl.) until (excl.), ms  ARGV[8] how many rankings are open now
-- ARGV[9] number of rankings  ARGV[10] mark id or ''  ARGV[11] mark expected  ARGV[12] mark next
-- ARGV[13..] per ranking: period id, expiry in ms or '0'; then per score: player, score, played at ms or '',
--   its rankings as '1,3' counted from KEYS[6]
-- Returns {'ok', version, one reply per score}: {score held, rank, rank before or -1, changed 0|1, players, event id}
--   or {} where the sum leaves the exact range; with a mark only the numbers, from 0, of the scores that leave it;
--   or {'revision'}, {'clock', now ms}, {'mark', stored mark}
local hash, events, history, periods, marks = unpack(KEYS, 1, 5)
local order, rule, current, rankings = ARGV[4], ARGV[5], tonumber(ARGV[8]), tonumber(ARGV[9])
local MAX, STEP_MS, EVENTS, PULSES, RING_MS = 9007199254740991, 5000, 10000, 720, 50
local rank_of = order == 'desc' and 'ZREVRANK' or 'ZRANK'
local function text(number) return string.format('%.0f', number) end

local stored = redis.call('HMGET', hash, 'revision', 'version', 'bucket', 'bucket_scores', 'scores', 'rung')
if stored[1] ~= ARGV[1] then return {'revision'} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now < tonumber(ARGV[6]) or now >= tonumber(ARGV[7]) then return {'clock', text(now)} end
if ARGV[10] ~= '' then
  local mark = redis.call('HGET', marks, ARGV[10]) or ''
  if mark ~= ARGV[11] then return {'mark', mark} end
  redis.call('HSET', marks, ARGV[10], ARGV[12])
end

-- a new bucket of time: what stands now is how the last one ended
local bucket, bucket_scores = math.floor(now / STEP_MS), tonumber(stored[4] or 0)
if stored[3] and tonumber(stored[3]) < bucket then
  local pulse = {'at', text(stored[3] * STEP_MS), 'scores', text(bucket_scores)}
  for i = 1, current do
    local top = redis.call(order == 'desc' and 'ZREVRANGE' or 'ZRANGE', KEYS[5 + i], 0, 9, 'WITHSCORES')
    pulse[#pulse + 1], pulse[#pulse + 2] = ARGV[11 + 2 * i], cjson.encode(top)
  end
  redis.call('XADD', history, 'MAXLEN', '~', PULSES, '*', unpack(pulse))
  bucket_scores = 0
end
bucket = math.max(bucket, tonumber(stored[3] or 0))

local function apply(old, score)
  if not old or rule == 'last' then return score end
  if rule == 'sum' then return old + score end
  if order == 'desc' then return math.max(old, score) end
  return math.min(old, score)
end

local reply, opened, any, taken, position = {'ok', ''}, {}, false, 0, nil
local quiet, start = ARGV[10] ~= '', 13 + 2 * rankings
for a = start, #ARGV, 4 do
  local player, score, at = ARGV[a], tonumber(ARGV[a + 1]), ARGV[a + 2]
  local touched, exact = {}, true
  for i in string.gmatch(ARGV[a + 3], '%d+') do
    local held = redis.call('ZSCORE', KEYS[5 + i], player)
    local old = held and tonumber(held)
    local new = apply(old, score)
    exact = exact and math.abs(new) <= MAX
    touched[#touched + 1] = {i = tonumber(i), old = old, new = new}
  end
  if not exact then
    reply[#reply + 1] = quiet and (a - start) / 4 or {}
  else
    local first, changed = touched[1], 0
    local key = KEYS[5 + first.i]
    local before = not quiet and first.old and redis.call(rank_of, key, player) + 1 or -1
    for _, t in ipairs(touched) do
      if t.new ~= t.old then
        changed, any = 1, true
        redis.call('ZADD', KEYS[5 + t.i], text(t.new), player)
        if not t.old and not opened[t.i] then
          local expiry = ARGV[12 + 2 * t.i]
          redis.call('SADD', periods, ARGV[11 + 2 * t.i])
          if expiry ~= '0' then redis.call('PEXPIREAT', KEYS[5 + t.i], expiry) end
          opened[t.i] = true
        end
      end
    end
    position = redis.call('XADD', events, 'MAXLEN', '~', EVENTS, '*', 'player', player, 'score', ARGV[a + 1],
      'held', text(first.new), 'at', at == '' and text(now) or at)
    taken = taken + 1
    if not quiet then
      local rank = changed == 1 and redis.call(rank_of, key, player) or before - 1
      reply[#reply + 1] = {text(first.new), rank and rank + 1 or -1, before, changed, redis.call('ZCARD', key), position}
    end
  end
end

local version = tonumber(stored[2] or 0) + (any and 1 or 0)
reply[2] = text(version)
if position then
  redis.call('HSET', hash, 'version', text(version), 'position', position, 'bucket', text(bucket),
    'bucket_scores', text(bucket_scores + taken), 'scores', text(tonumber(stored[5] or 0) + taken))
end
if any and math.abs(now - tonumber(stored[6] or 0)) >= RING_MS then
  redis.call('HSET', hash, 'rung', text(now))
  redis.call('PUBLISH', ARGV[2], ARGV[3])
end
return reply
