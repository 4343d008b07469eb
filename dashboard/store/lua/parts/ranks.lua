-- Ranks in one ranking, exact at any size. Uses what runs.lua defines. `ranking` is the sorted set of members, `levels`
-- (ties `dense` only) that of the different runs.
local rank_of, range = down and 'ZREVRANK' or 'ZRANK', down and 'ZREVRANGE' or 'ZRANGE'

-- byte order, as sorted sets compare members (the operator < would follow the server's locale)
local function before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- how many rows stand before the place that `member` has, or would have, with that score
local function count_before(ranking, score, member)
  local low = redis.call('ZCOUNT', ranking, down and '(' .. score or '-inf', down and '+inf' or '(' .. score)
  local high = low + redis.call('ZCOUNT', ranking, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local other = redis.call(range, ranking, middle, middle)[1]
    local ahead = down and before(member, other) or not down and before(other, member)
    if ahead then low = middle + 1 else high = middle end
  end
  return low
end

-- how many rows are better than a run: those before all that share its score and columns
local function count_better(ranking, score, prefix)
  local first = string.sub(prefix, 1, columns_width)
  if first == '' then
    return redis.call('ZCOUNT', ranking, down and '(' .. score or '-inf', down and '+inf' or '(' .. score)
  end
  return count_before(ranking, score, down and first .. '\255' or first) -- no name holds that byte
end

-- how many rows are not worse than a run: those before it and all that share its score and columns
local function count_until(ranking, score, prefix)
  local first = string.sub(prefix, 1, columns_width)
  if first == '' then
    return redis.call('ZCOUNT', ranking, down and score or '-inf', down and '+inf' or score)
  end
  return count_before(ranking, score, down and first or first .. '\255')
end

-- a run's place among the different runs of a ranking with ties `dense`
local function level_of(score, prefix) return string.sub(prefix, 1, columns_width) .. score end

-- the rank, from 1, that a player has by a run
local function find_rank(ranking, levels, run, player)
  if rules.ties == 'shared' then return count_better(ranking, text(run.score), run.prefix) + 1 end
  if rules.ties == 'dense' then return redis.call(rank_of, levels, level_of(text(run.score), run.prefix)) + 1 end
  return redis.call(rank_of, ranking, run.prefix .. player) + 1
end

-- rows [start, stop] as a flat list: member, score, rank, ...
local function read_rows(ranking, levels, start, stop)
  local flat, rows, rank, last = redis.call(range, ranking, start, stop, 'WITHSCORES'), {}, nil, nil
  local tied = rules.ties == 'shared' or rules.ties == 'dense'
  for i = 1, #flat, 2 do
    local level, place = tied and level_of(flat[i + 1], flat[i]), start + (i + 1) / 2
    if not tied then rank = place
    elseif not rank then rank = find_rank(ranking, levels, {score = flat[i + 1], prefix = flat[i]}, '')
    elseif level ~= last then rank = rules.ties == 'dense' and rank + 1 or place end
    rows[#rows + 1], rows[#rows + 2], rows[#rows + 3], last = flat[i], flat[i + 1], rank, level
  end
  return rows
end
