-- The keys that stand beside a ranking and live as long as it: see moves.lua. `levels`: that of its levels.
local function find_besides(ranking, levels)
  local found = {ranking .. ':groups', ranking .. ':cohorts'}
  for _, group in ipairs(redis.call('ZRANGE', ranking .. ':groups', 0, -1)) do
    found[#found + 1], found[#found + 2] = ranking .. ':of:' .. group, levels .. ':of:' .. group
  end
  return found
end
