-- Tidy up after a group: trim what every group has finished, and forget consumers that are gone and left nothing.
-- KEYS[1] stream
-- ARGV[1] group  ARGV[2] how many entries stay ('' = no trimming here)  ARGV[3] ms after which an idle consumer is gone
-- Returns {entries trimmed, consumers forgotten}
local function named(flat)
  local map = {}
  for i = 1, #flat, 2 do map[flat[i]] = flat[i + 1] end
  return map
end
local function before(a, b) -- two stream ids
  local am, an = string.match(a, '(%d+)-(%d+)')
  local bm, bn = string.match(b, '(%d+)-(%d+)')
  if am ~= bm then return tonumber(am) < tonumber(bm) end
  return tonumber(an) < tonumber(bn)
end

local trimmed, forgotten = 0, 0
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
if consumers.err then return {0, 0} end -- no stream or no group
for _, flat in ipairs(consumers) do
  local consumer = named(flat)
  if consumer.pending == 0 and consumer.idle > tonumber(ARGV[3]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    forgotten = forgotten + 1
  end
end
local spare = ARGV[2] ~= '' and math.min(redis.call('XLEN', KEYS[1]) - ARGV[2], 1000) or 0
if spare > 0 then
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', spare + 1)
  local cut = oldest[#oldest][1]
  for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local group = named(flat)
    local unfinished = group.pending > 0 and redis.call('XPENDING', KEYS[1], group.name)[2] or group['last-delivered-id']
    if before(unfinished, cut) then cut = unfinished end
  end
  trimmed = redis.call('XTRIM', KEYS[1], 'MINID', cut)
end
return {trimmed, forgotten}
