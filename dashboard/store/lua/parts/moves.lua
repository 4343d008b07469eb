-- Moving a player in one ranking, the one place for all that writes: whatever else is made of a ranking follows here, so that
-- scores, removals and restorations keep it. Uses what runs.lua and ranks.lua define; KEYS[1] is the board hash. Beside the
-- ranking stand, named after it: `:groups` group -> total (of cohorts: their number), `:of:GROUP` the ranking of one group,
-- `:cohorts` player -> cohort; and `:of:GROUP` beside its levels.

-- keep the different runs after a player went from one to another (nil: came, or left)
local function move_level(ranking, levels, old, run)
  if run then redis.call('ZADD', levels, text(run.score), level_of(text(run.score), run.prefix)) end
  if not old then return end
  local level, place = level_of(text(old.score), old.prefix), count_better(ranking, text(old.score), old.prefix)
  local other = redis.call(range, ranking, place, place, 'WITHSCORES')
  if not other[1] or level_of(other[2], other[1]) ~= level then redis.call('ZREM', levels, level) end
end

-- put a member from one run to another in a sorted set (nil: was not there, or leaves)
local function move_member(ranking, levels, player, old, run)
  if old and (not run or old.prefix ~= run.prefix) then redis.call('ZREM', ranking, old.prefix .. player) end
  if run then redis.call('ZADD', ranking, text(run.score), run.prefix .. player) end
  if rules.ties == 'dense' then move_level(ranking, levels, old, run) end
end

-- the group of a player, false for none; a cohort is given with the first run of a period, and kept
local function find_group(ranking, player)
  if rules.groups then return redis.call('HGET', KEYS[1] .. ':group', player) end
  local cohorts = ranking .. ':cohorts'
  local cohort = redis.call('HGET', cohorts, player)
  if not cohort then
    cohort = text(math.floor(redis.call('HLEN', cohorts) / rules.cohorts) + 1)
    redis.call('HSET', cohorts, player, cohort)
  end
  return cohort
end

-- the exact sum of a group, counted anew in two parts, but within +-MAX
local function count_total(members)
  local flat, high, low, part = redis.call('ZRANGE', members, 0, -1, 'WITHSCORES'), 0, 0, 67108864
  for i = 2, #flat, 2 do
    high, low = high + math.floor(flat[i] / part), low + flat[i] % part
  end
  return math.max(-MAX, math.min(MAX, high * part + low))
end

-- the sum of a group after a member went from one run to another. One that leaves +-MAX stands there: it is counted anew
-- until it is back
local function find_sum(members, total, old, run)
  local less = total - (old and old.score or 0)
  local sum = less + (run and run.score or 0)
  if math.max(math.abs(total), math.abs(less) + 1, math.abs(sum)) >= MAX then return count_total(members) end
  return sum
end

-- put a player from one run to another in a group
local function move_in_group(ranking, levels, group, player, old, run)
  local members, totals, total = ranking .. ':of:' .. group, ranking .. ':groups', group
  move_member(members, levels .. ':of:' .. group, player, old, run)
  local first = redis.call(range, members, 0, 0, 'WITHSCORES')
  if not first[1] then return redis.call('ZREM', totals, group) end
  if rules.groups == 'best' then total = first[2]
  elseif rules.groups then
    total = text(find_sum(members, tonumber(redis.call('ZSCORE', totals, group) or 0), old, run))
  end
  redis.call('ZADD', totals, total, group)
end

-- put a player from one run to another (nil: was not there, or leaves)
local function move_run(ranking, runs, levels, player, old, run)
  move_member(ranking, levels, player, old, run)
  if run and run.prefix .. run.data ~= '' then redis.call('HSET', runs, player, run.prefix .. run.data)
  elseif old and old.prefix .. old.data ~= '' then redis.call('HDEL', runs, player) end
  local group = (rules.groups or rules.cohorts) and find_group(ranking, player)
  if group then move_in_group(ranking, levels, group, player, old, run) end
end
