-- Read the figures of a stream: length, groups with lag and pending entries, their consumers, dead letters.
-- KEYS[1] stream  KEYS[2] dead letters
-- ARGV[1] up to how many entries are counted where the server keeps no count (Redis 6.2, or a lag after an XDEL)
-- Returns JSON {"length", "added" or null, "recent" (entries of the last 5 s, where added is null), "last", "dead",
--   "groups": [{"group", "lag", "pending", "consumers": [...]}]}
local function named(flat)
  local map = {}
  for i = 1, #flat, 2 do map[flat[i]] = flat[i + 1] end
  return map
end

local figures = {length = 0, added = cjson.null, last = '0-0', dead = redis.call('XLEN', KEYS[2]), groups = {}}
if redis.call('EXISTS', KEYS[1]) == 0 then return cjson.encode(figures) end
local stream = named(redis.call('XINFO', 'STREAM', KEYS[1]))
figures.length, figures.last = stream.length, stream['last-generated-id']
figures.added = stream['entries-added'] or cjson.null
if not stream['entries-added'] then
  local since = string.format('%.0f', (redis.call('TIME')[1] - 5) * 1000)
  figures.recent = #redis.call('XRANGE', KEYS[1], since, '+', 'COUNT', ARGV[1])
end
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = named(flat)
  local lag, delivered = group.lag or nil, group['last-delivered-id']
  if not lag then
    lag = delivered ~= figures.last and #redis.call('XRANGE', KEYS[1], '(' .. delivered, '+', 'COUNT', ARGV[1]) or 0
  end
  local consumers = {}
  for _, one in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group.name)) do
    local consumer = named(one)
    consumers[#consumers + 1] = {consumer = consumer.name, pending = consumer.pending, idle_ms = consumer.idle}
  end
  figures.groups[#figures.groups + 1] = {group = group.name, lag = lag, pending = group.pending, consumers = consumers}
end
return cjson.encode(figures)
