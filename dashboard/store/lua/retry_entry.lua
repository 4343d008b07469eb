-- Put a dead letter back into its stream as a new entry, which says what it was before (`retry-of`).
-- KEYS[1] stream  KEYS[2] dead letters  KEYS[3] fates hash
-- ARGV[1] id of the dead letter
-- Returns the new entry's id, false where there is no such letter, or '' where it holds no field to put back
local letter = redis.call('XRANGE', KEYS[2], ARGV[1], ARGV[1])[1]
if not letter then return false end
local fields, origin = {}, nil
for i = 1, #letter[2], 2 do
  local name, value = letter[2][i], letter[2][i + 1]
  if name == 'dead:origin' then
    origin = value
  elseif string.sub(name, 1, 5) ~= 'dead:' and name ~= 'retry-of' then
    fields[#fields + 1], fields[#fields + 2] = name, value
  end
end
if #fields == 0 then return '' end
fields[#fields + 1], fields[#fields + 2] = 'retry-of', origin
local id = redis.call('XADD', KEYS[1], '*', unpack(fields))
redis.call('XDEL', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[3], origin, 'retried')
return id
