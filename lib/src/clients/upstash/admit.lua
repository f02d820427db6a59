-- Admits a request, and takes a lease or reads a cached response, in one atomic step.
-- A denied request changes nothing. Upstash bills the script and each command in it.
--
-- 1. Rate limit: `count` includes this request. Both counts, times their weights, may reach
--    `limit`. Without a limit nobody is counted.
-- 2. Lookup: an epoch or generation that is missing (never set, or evicted) is named after the
--    owner, so that no earlier envelope ever counts again.
-- 3. Lease: taken if it is free, unless the stored response is fresh.
--
-- Reply: {count, previous, 1 if leased, envelope, epoch and generation in one word}, and for a
-- denied request the counts alone. An envelope whose body the reader has comes without it.
local count_key, _, lease_key, envelope_key = unpack(KEYS)
local limit, weight, previous_weight, count_seconds, owner, lease_millis,
  now, known_etag, generation_seconds = unpack(ARGV)

local values = redis.call('MGET', unpack(KEYS))
local count, previous = (values[1] or 0) + 1, tonumber(values[2] or 0)
if limit ~= '' then
  if count * weight + previous * previous_weight > tonumber(limit) then
    return {count, previous}
  end
  redis.call('SET', count_key, count, 'EX', count_seconds)
end

local envelope, current, head, etag, is_fresh = values[4], nil, nil, nil, false
if envelope_key then
  for i = 5, 6 do
    if not values[i] then
      values[i] = owner
      redis.call('SET', KEYS[i], owner, 'EX', generation_seconds)
    end
  end
  current = values[5] .. values[6]
  local generation, fresh_until
  head, generation, fresh_until, etag =
    string.match(envelope or '', '^((%S+) %d+ (%d+) ("%S+")\n)')
  is_fresh = generation == current and tonumber(fresh_until) > tonumber(now)
end

local leased = 0
if lease_key and not values[3] and not is_fresh then
  redis.call('SET', lease_key, owner, 'PX', lease_millis)
  leased = 1
end

if etag and etag == known_etag then envelope = head end
return {count, previous, leased, envelope, current}
