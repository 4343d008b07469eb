-- Apply a batch of scores to one board: the whole batch, or nothing where the caller's picture is out of date.
-- KEYS[1] board hash  KEYS[2] events stream  KEYS[3] history stream  KEYS[4] set of periods  KEYS[5] marks hash
-- KEYS[6] hash of those set aside  KEYS[7] review stream  KEYS[8] gains hash
-- KEYS[9..] three per ranking, sorted set, runs and levels: first of the periods open now, in the board's order, then of
--   those that late scores need; then the hash of rankings that are not archived; then one per score with an id; last that
--   of the whole request, if it is to count once
-- ARGV[1] revision  ARGV[2] channel  ARGV[3] board  ARGV[4] the board's rules as JSON
-- ARGV[5] ARGV[6] the caller's plan holds from (incl.) until (excl.), ms  ARGV[7] how many rankings are open now
-- ARGV[8] number of rankings  ARGV[9] mark id or ''  ARGV[10] mark expected  ARGV[11] mark next
-- ARGV[12] print of the whole request's body, '' where that has no key
-- ARGV[13..] per ranking: period id, until when it is kept in ms, '' for ever or 'history' (that is past); then either the
--   scores as 'player\nscore\nplayer\nscore...', all played now, for every ranking that is open; or '' and per score: player,
--   score, played at ms or '', its rankings as '1,3' ('' = none), and '' or as JSON what few have: columns, match ('none', or
--   the score held as text), id (the number of its key) and print (of its body), data, approved (id of the entry in the
--   review stream that this was), late (why it has no rankings), over (when its first period ended, ms, where scores decay)
-- Returns {'ok', version, one reply per score} ('again' for 'ok': the request came before, these are the replies of then):
--   {score held or '', rank or -1, rank before or -1, changed 0|1, players, event id, id in the review stream or nothing},
--   with `rules.inner` five more: '', period, score before or '', its prefix, prefix now,
--   or {reason, what is held} with a reason of 'range', 'step', 'match', 'conflict', 'full', 'gone', or {'late', why}; with a
--   mark only {number of a score from 0, reason, what is held} of those that are refused; or {'revision'}, {'clock', now ms},
--   {'mark', stored mark}, {'conflict'}: the request came before with another body
local rules = cjson.decode(ARGV[4])
--@ runs.lua decay.lua ranks.lua moves.lua besides.lua archive.lua
local hash, events, history, periods, marks, apart, review, gains = unpack(KEYS, 1, 8)
local current, rankings = tonumber(ARGV[7]), tonumber(ARGV[8])
local EVENTS, REVIEW, RING_MS = 10000, 10000, 50
local stored = redis.call('HMGET', hash, 'revision', 'version', 'bucket', 'bucket_scores', 'scores', 'rung', 'life', 'data',
  'position', 'hidden')
if stored[1] ~= ARGV[1] then return {'revision'} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now < tonumber(ARGV[5]) or now >= tonumber(ARGV[6]) then return {'clock', text(now)} end
if ARGV[9] ~= '' then
  local mark = redis.call('HGET', marks, ARGV[9]) or ''
  if mark ~= ARGV[10] then return {'mark', mark} end
  redis.call('HSET', marks, ARGV[9], ARGV[11])
end
--@ pulse.lua combine.lua
local quiet, scores = ARGV[9] ~= '', tonumber(stored[5] or 0)
local reply, touched, any, taken, position = {'ok', ''}, {}, false, 0, nil

-- what a player has in ranking i, nil for nothing; `aside` is the record of one who is hidden
local function read_run(i, player, aside)
  if aside then return read_kept(aside.held[ARGV[11 + 2 * i]]) end
  return find_run(KEYS[6 + 3 * i], KEYS[7 + 3 * i], player, width == 0 and not stored[8])
end

-- why a score waits for an operator's decision, nil where it does not
local function find_suspicion(player, score, gain)
  local bounds = rules.review
  if bounds.above and score > bounds.above then return 'above ' .. text(bounds.above) end
  if bounds.below and score < bounds.below then return 'below ' .. text(bounds.below) end
  if not bounds.gain then return nil end
  local gained = (tonumber(redis.call('HGET', gains, player)) or 0) + math.abs(gain)
  if gained > bounds.gain then return 'gains more than ' .. text(bounds.gain) .. ' in ' .. text(bounds.per_s) .. ' s' end
  if redis.call('HSET', gains, player, text(gained)) == 1 then redis.call('EXPIRE', gains, 2 * bounds.per_s) end
end

-- whether a ranking that is over was archived and has left Redis: what came now would replace it (`keep` and `late_s` may
-- have been raised since)
local gone = {}
local function is_gone(i)
  if i > current and gone[i] == nil then
    local period = ARGV[11 + 2 * i]
    gone[i] = redis.call('EXISTS', KEYS[6 + 3 * i]) == 0 and redis.call('SISMEMBER', periods, period) == 1
      and redis.call('HEXISTS', KEYS[9 + 3 * rankings], period) == 0
  end
  return gone[i]
end

-- the record of a player who is hidden, nil for others: it may be large, so it is read once and written once
local hidden, rewritten = {}, {}
local function find_hidden(player)
  if not stored[10] then return nil end
  if hidden[player] == nil then
    local aside = cjson.decode(redis.call('HGET', apart, player) or '{}')
    hidden[player] = aside.how == 'hidden' and aside
  end
  return hidden[player] or nil
end

-- one score: its reply
local function take(player, score, at, where, more)
  local aside, moves, moment = find_hidden(player), {}, math.min(now, more.over or now)
  for _, i in ipairs(where) do
    local old = read_run(i, player, aside)
    local run = combine(old, score, half_life_ms and math.min(at, now) or at, scores + taken, more)
    if not run or half_life_ms and run.score - halvings(now) > 53 then return {'range'} end
    if not is_gone(i) then moves[#moves + 1] = {i = i, old = old, run = run} end
  end
  local first = moves[1]
  if not first then return {'late', more.late} end
  local held = first.old and worth(first.old.score, moment) or ''
  if more.match and more.match ~= (first.old and held or 'none') then return {'match', held} end
  local from = first.old and first.old.score or rules.rule == 'sum' and 0 or first.run.score
  if rules.max_step and not quiet and math.abs(first.run.score - from) > rules.max_step then return {'step', held} end

  local ranking, levels, changed, before = KEYS[6 + 3 * first.i], KEYS[8 + 3 * first.i], 0, -1
  if first.old and not quiet and not aside then before = find_rank(ranking, levels, first.old, player) end
  if more.approved then
    if redis.call('XDEL', review, more.approved) == 0 then return {'gone'} end
  elseif rules.review and not quiet then
    local why = find_suspicion(player, score, first.run.score - (first.old and first.old.score or 0))
    if why and redis.call('XLEN', review) >= REVIEW then return {'full'} end
    if why then
      local id = redis.call('XADD', review, '*', 'player', player, 'score', text(score), 'at', text(at),
        'more', more.raw or '', 'why', why)
      return {held, before, before, 0, redis.call('ZCARD', ranking), position or stored[9] or '0-0', id}
    end
  end
  for _, move in ipairs(moves) do
    local expiry = ARGV[12 + 2 * move.i]
    -- else it ended since the caller looked
    if move.run ~= move.old and (expiry == '' or expiry == 'history' or tonumber(expiry) > now) then
      changed = 1
      if move.run.data ~= '' and not stored[8] then stored[8] = redis.call('HSET', hash, 'data', '1') end
      if aside then aside.held[ARGV[11 + 2 * move.i]] = keep_run(move.run)
      else
        any, touched[move.i] = true, touched[move.i] or not move.old -- true: the ranking may be new
        move_run(KEYS[6 + 3 * move.i], KEYS[7 + 3 * move.i], KEYS[8 + 3 * move.i], player, move.old, move.run)
      end
    end
  end
  local answer = {worth(first.run.score, moment), -1, before, changed, 0, position or stored[9] or '0-0'}
  if rules.inner then
    answer[7], answer[8], answer[9] = '', ARGV[11 + 2 * first.i], held
    answer[10], answer[11] = first.old and first.old.prefix or '', first.run.prefix
  end
  if aside then
    rewritten[player], answer[5] = aside, redis.call('ZCARD', ranking)
    return not quiet and answer or nil
  end
  position = redis.call('XADD', events, 'MAXLEN', '~', EVENTS, '*', 'player', player, 'score', text(score),
    'held', worth(first.run.score, moment), 'at', text(at))
  taken = taken + 1
  if quiet then return nil end
  answer[2], answer[5], answer[6] = before, redis.call('ZCARD', ranking), position
  if changed == 1 then -- -1 where the ranking ended since the caller looked
    answer[2] = redis.call('ZSCORE', ranking, first.run.prefix .. player) and find_rank(ranking, levels, first.run, player) or -1
  end
  return answer
end

-- a score that says who it is gets the answer that it got before, as long as that is remembered
local function take_once(key, print, ...)
  local seen = redis.call('GET', key)
  local life, was, answer = unpack(seen and cjson.decode(seen) or {})
  if life == stored[7] then return was == print and answer or {'conflict'} end
  answer = take(...)
  if answer[1] ~= 'late' and answer[1] ~= 'full' then
    redis.call('SET', key, cjson.encode({stored[7], print, answer}), 'PX', rules.id_ms)
  end
  return answer
end

-- what the request that says which it is was answered, score by score; nil where it did not come before
local past, fresh
if ARGV[12] ~= '' then
  local seen = redis.call('GET', KEYS[#KEYS])
  local life, was, replies = unpack(seen and cjson.decode(seen) or {})
  if life == stored[7] then
    if was ~= ARGV[12] then return {'conflict'} end
    past = replies
  end
end

-- one score more, the reply to it into the whole reply
local count = 0
local function answer_next(player, score, at, where, more)
  local before, answer = past and past[count + 1], nil -- may be tried again where only the room was missing
  if before and before[1] ~= 'full' then answer = before
  elseif more.id then answer = take_once(KEYS[9 + 3 * rankings + more.id], more.print, player, score, at, where, more)
  else answer = take(player, score, at, where, more) end
  fresh = fresh or answer ~= before
  if not quiet then reply[#reply + 1] = answer
  elseif answer then reply[#reply + 1] = {count, unpack(answer)} end
  count = count + 1
end

local start = 13 + 2 * rankings
local all, nothing = {}, {}
for i = 1, current do all[i] = i end
for player, score in string.gmatch(ARGV[start], '([^\n]*)\n([^\n]*)\n?') do
  answer_next(player, tonumber(score), now, all, nothing)
end
for a = start + 1, #ARGV, 5 do
  local at, where, more = ARGV[a + 2] == '' and now or tonumber(ARGV[a + 2]), {}, {}
  for word in string.gmatch(ARGV[a + 3], '%d+') do where[#where + 1] = tonumber(word) end
  if ARGV[a + 4] ~= '' then more = cjson.decode(ARGV[a + 4]) more.raw = ARGV[a + 4] end
  answer_next(ARGV[a], tonumber(ARGV[a + 1]), at, where, more)
end

if ARGV[12] ~= '' and (fresh or not past) then
  redis.call('SET', KEYS[#KEYS], cjson.encode({stored[7], ARGV[12], {unpack(reply, 3)}}), 'PX', rules.id_ms)
end
for player, aside in pairs(rewritten) do redis.call('HSET', apart, player, cjson.encode(aside)) end
local version = tonumber(stored[2] or 0) + (any and 1 or 0)
for i, opened in pairs(touched) do
  if opened then redis.call('SADD', periods, ARGV[11 + 2 * i]) end
  note_change(KEYS[9 + 3 * rankings], ARGV[11 + 2 * i], version, unpack(KEYS, 6 + 3 * i, 8 + 3 * i))
end
reply[2] = text(version)
if position then
  redis.call('HSET', hash, 'version', text(version), 'position', position, 'bucket', text(bucket),
    'bucket_scores', text(bucket_scores + taken), 'scores', text(scores + taken))
end
if any and math.abs(now - tonumber(stored[6] or 0)) >= RING_MS then
  redis.call('HSET', hash, 'rung', text(now))
  redis.call('PUBLISH', ARGV[2], ARGV[3])
end
if past and not fresh then reply[1] = 'again' end
return reply
