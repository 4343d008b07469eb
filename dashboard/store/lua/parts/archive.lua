-- A ranking changed: it is to be archived (again), and does not expire before that. `unarchived`: hash period -> the board's
-- version at its last change; `ranking`, `runs`, `levels`: its keys. Uses what besides.lua defines.
local function note_change(unarchived, period, version, ranking, runs, levels)
  if period == 'all' then return end -- never over
  if redis.call('HSET', unarchived, period, string.format('%.0f', version)) == 0 then return end
  for _, key in ipairs({ranking, runs, levels}) do redis.call('PERSIST', key) end
  for _, key in ipairs(find_besides(ranking, levels)) do redis.call('PERSIST', key) end
end
