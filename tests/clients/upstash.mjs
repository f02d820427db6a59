// Tests the emulator with the official Upstash client. The product may rely on every feature here.

import { Redis } from '@upstash/redis';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { variable } from './environment.mjs';

const url = variable('UPSTASH_REDIS_REST_URL');
const token = variable('UPSTASH_REDIS_REST_TOKEN');
const redis = new Redis({ url, token, enableTelemetry: false });
// The product uses the same Redis, so every key has this prefix and is deleted at the end.
const prefix = `clients:${randomUUID()}:`;
const key = (name) => prefix + name;

after(async () => {
  const keys = await scan(`${prefix}*`);
  if (keys.length > 0) await redis.del(...keys);
});

async function scan(match) {
  const names = new Set();
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, { match, count: 100 });
    keys.forEach((name) => names.add(name));
    cursor = next;
  } while (cursor !== '0');
  return [...names];
}

test('values round-trip', async () => {
  assert.equal(await redis.ping(), 'PONG');
  assert.equal(await redis.set(key('text'), 'Zoë 🚗'), 'OK');
  assert.equal(await redis.get(key('text')), 'Zoë 🚗');
  // The emulator must not mistake a value for a status.
  assert.equal(await redis.set(key('ok'), 'OK'), 'OK');
  assert.equal(await redis.get(key('ok')), 'OK');
  assert.equal(await redis.get(key('nothing')), null);
  const document = { a: [1, 'ü', null, true], b: { c: 'ж' } };
  await redis.set(key('json'), document);
  assert.deepEqual(await redis.get(key('json')), document);
  assert.deepEqual(await redis.mget(key('text'), key('nothing'), key('json')), ['Zoë 🚗', null, document]);
  const large = 'x'.repeat(1_000_000);
  await redis.set(key('large'), large);
  assert.equal(await redis.get(key('large')), large);
});

test('a lock is exclusive and expires', async () => {
  assert.equal(await redis.set(key('lock'), 'mine', { nx: true, px: 10_000 }), 'OK');
  assert.equal(await redis.set(key('lock'), 'theirs', { nx: true, px: 10_000 }), null);
  const left = await redis.pttl(key('lock'));
  assert.ok(left > 0 && left <= 10_000, `${left}`);
  await redis.set(key('short'), 'x', { ex: 100 });
  assert.equal(await redis.ttl(key('short')), 100);
  assert.equal(await redis.expire(key('short'), 50, 'NX'), 0);
});

test('counters add up', async () => {
  assert.equal(await redis.incr(key('count')), 1);
  assert.equal(await redis.incrby(key('count'), 5), 6);
  assert.equal(await redis.decr(key('count')), 5);
  await redis.set(key('word'), 'abc');
  await assert.rejects(redis.incr(key('word')), /value is not an integer/);
});

test('a pipeline replies to each command', async () => {
  const pipeline = redis.pipeline();
  pipeline.set(key('p'), 1);
  pipeline.incr(key('p'));
  pipeline.get(key('p'));
  pipeline.get(key('nothing'));
  assert.deepEqual(await pipeline.exec(), ['OK', 2, 2, null]);

  const faulty = redis.pipeline();
  faulty.set(key('p'), 'text');
  faulty.incr(key('p'));
  faulty.get(key('p'));
  const [set, incremented, got] = await faulty.exec({ keepErrors: true });
  assert.equal(set.result, 'OK');
  assert.match(incremented.error, /value is not an integer/);
  assert.equal(got.result, 'text');
});

test('a transaction runs as a whole', async () => {
  const transaction = redis.multi();
  transaction.set(key('m'), 'x');
  transaction.get(key('m'));
  transaction.hset(key('mh'), { field: 1 });
  assert.deepEqual(await transaction.exec(), ['OK', 'x', 1]);
});

test('scripts run by source and by digest', async () => {
  const compareAndDelete = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0";
  await redis.set(key('owned'), 'mine');
  assert.equal(await redis.eval(compareAndDelete, [key('owned')], ['theirs']), 0);
  assert.equal(await redis.eval(compareAndDelete, [key('owned')], ['mine']), 1);
  assert.equal(await redis.get(key('owned')), null);
  assert.deepEqual(await redis.eval('return {KEYS[1], ARGV[1], 3}', ['k'], ['a']), ['k', 'a', 3]);
  const digest = await redis.scriptLoad('return ARGV[1]');
  assert.equal(await redis.evalsha(digest, [], ['hello']), 'hello');
  await assert.rejects(redis.evalsha('f'.repeat(40), [], []), /NOSCRIPT/);
  assert.equal(await redis.createScript('return ARGV[1]').exec([], ['z']), 'z');
  await assert.rejects(redis.eval('this is not Lua', [], []), /ERR/);
});

test('a scan finds all keys', async () => {
  const names = Array.from({ length: 30 }, (_, n) => key(`scan:${n}`));
  await redis.mset(Object.fromEntries(names.map((name) => [name, 1])));
  assert.deepEqual((await scan(`${prefix}scan:*`)).sort(), names.sort());
  assert.equal(await redis.del(...names), 30);
  assert.equal(await redis.exists(names[0]), 0);
});

test('all data types round-trip', async () => {
  await redis.hset(key('h'), { a: 1, b: { c: 2 } });
  assert.deepEqual(await redis.hgetall(key('h')), { a: 1, b: { c: 2 } });
  await redis.zadd(key('z'), { score: 2, member: 'two' }, { score: 1, member: 'one' });
  assert.deepEqual(await redis.zrange(key('z'), 0, -1, { withScores: true }), ['one', 1, 'two', 2]);
  await redis.sadd(key('s'), 'a', 'b');
  assert.deepEqual((await redis.smembers(key('s'))).sort(), ['a', 'b']);
  await redis.lpush(key('l'), 1, 2, 3);
  assert.deepEqual(await redis.lrange(key('l'), 0, -1), [3, 2, 1]);
  await redis.xadd(key('x'), '*', { field: 'value' });
  assert.equal(await redis.xlen(key('x')), 1);
  assert.equal(await redis.type(key('z')), 'zset');
});

test('plain encoding and automatic pipelines work', async () => {
  const plain = new Redis({ url, token, responseEncoding: false, enableAutoPipelining: true, enableTelemetry: false });
  // The client sends reads and writes in separate, concurrent pipelines.
  assert.deepEqual(await Promise.all([plain.set(key('a'), 'ä'), plain.incr(key('b'))]), ['OK', 1]);
  assert.deepEqual(await Promise.all([plain.get(key('a')), plain.get(key('b'))]), ['ä', 1]);
});

test('a wrong token is refused', async () => {
  const stranger = new Redis({ url, token: 'wrong', enableTelemetry: false });
  await assert.rejects(stranger.get(key('text')), /WRONGPASS|[Uu]nauthorized/);
  const pipeline = stranger.pipeline();
  pipeline.set(key('stolen'), 1);
  await assert.rejects(pipeline.exec());
  assert.equal(await redis.get(key('stolen')), null);
});

test('an invalid command is an error', async () => {
  await assert.rejects(redis.exec(['NOSUCHCOMMAND', 'x']), /ERR/);
  await assert.rejects(redis.exec(['GET']), /wrong number of arguments/);
});
