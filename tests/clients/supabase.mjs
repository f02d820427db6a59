// Tests the local API with the official Supabase client. The product only calls functions.
// Operators also read tables.

import { createClient } from '@supabase/supabase-js';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { variable } from './environment.mjs';

const url = variable('SUPABASE_URL');
const client = (key) =>
  createClient(url, key, { auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false } });
const secret = client(variable('SUPABASE_SECRET_KEY'));
const legacy = client(variable('SUPABASE_SERVICE_ROLE_KEY'));

for (const [name, service] of [['secret', secret], ['legacy', legacy]]) {
  test(`the ${name} key reads tables`, async () => {
    const one = await service.from('cars').select('slug, year').eq('slug', '123').single();
    assert.equal(one.error, null);
    assert.deepEqual(one.data, { slug: '123', year: 2021 });
  });

  test(`the ${name} key calls functions`, async () => {
    const found = await service.rpc('get_car', { p_car: 'test-car-id' });
    assert.equal(found.error, null);
    assert.equal(found.data.car.pricePerDay.amount, '50.00');
    const missing = await service.rpc('get_car', { p_car: 'nobody' });
    assert.deepEqual([missing.error, missing.data], [null, null]);
  });
}

test('filters, order, range and count work', async () => {
  const { data, error, count } = await secret
    .from('cars')
    .select('slug', { count: 'exact' })
    .eq('category', 'hypercar')
    .eq('status', 'listed')
    .order('slug', { ascending: false })
    .range(0, 1);
  assert.equal(error, null);
  assert.deepEqual(data.map((car) => car.slug), ['porsche-918-spyder', 'pagani-huayra']);
  assert.equal(count, 3);

  const matching = await secret.from('cars').select('slug').ilike('name', '%ferrari%').in('status', ['hidden', 'withdrawn']);
  assert.deepEqual(matching.data, [{ slug: 'ferrari-f40' }]);
  const either = await secret.from('cars').select('slug').or('slug.eq.123,year.lt.1960').order('slug');
  assert.deepEqual(either.data.map((car) => car.slug), ['123', 'mercedes-300sl-roadster']);
  const absent = await secret.from('cars').select('slug').is('time_zone', null);
  assert.deepEqual(absent.data, []);
  const head = await secret.from('cars').select('*', { count: 'exact', head: true });
  assert.ok(head.count >= 26, `${head.count}`);
});

test('related rows are embedded', async () => {
  const { data, error } = await secret.from('cars').select('slug, car_pricing(currency), car_fees(code)').eq('slug', 'test-car-id');
  assert.equal(error, null);
  assert.deepEqual(data, [{ slug: 'test-car-id', car_pricing: { currency: 'USD' }, car_fees: [{ code: 'cleaning' }] }]);
});

test('a row function returns its columns', async () => {
  const car = await secret.from('cars').select('id').eq('slug', 'test-car-id').single();
  const { data, error } = await secret
    .rpc('calculate_booking_price', { p_car_id: car.data.id, p_start_date: '2030-03-04', p_end_date: '2030-03-08' })
    .single();
  assert.equal(error, null);
  assert.equal(Number(data.final_price), 237.6);
  assert.deepEqual([data.success, data.rental_days, data.currency], [true, 4, 'USD']);
});

test('a refusal is a result', async () => {
  const { data, error } = await secret.rpc('create_booking', { p_car: 'nobody', p_start_date: '2030-03-04', p_end_date: '2030-03-08' });
  assert.equal(error, null);
  assert.equal(data.outcome, 'car_not_found');
});

test('errors have codes of PostgREST or PostgreSQL', async () => {
  const none = await secret.from('cars').select('slug').eq('slug', 'nobody').single();
  assert.deepEqual([none.status, none.error.code], [406, 'PGRST116']);
  const unknownFunction = await secret.rpc('no_such_function', {});
  assert.deepEqual([unknownFunction.status, unknownFunction.error.code], [404, 'PGRST202']);
  const unknownArgument = await secret.rpc('get_car', { p_nothing: 1 });
  assert.deepEqual([unknownArgument.status, unknownArgument.error.code], [404, 'PGRST202']);
  // PostgREST returns PostgreSQL's 42703. The local server checks columns itself and has its own
  // code.
  const unknownColumn = await secret.from('cars').select('nothing');
  assert.equal(unknownColumn.status, 400);
  const noDate = await secret.rpc('get_availability', { p_car: '123', p_start_date: 'soon', p_end_date: '2030-01-01' });
  assert.deepEqual([noDate.status, noDate.error.code], [400, '22007']);
  const raised = await secret.rpc('get_availability', { p_car: '123', p_start_date: '2030-01-02', p_end_date: '2030-01-01' });
  assert.equal(raised.error.code, '22023');
});

test('violated constraints return their codes', async () => {
  const car = { slug: '123', name: 'x', make: 'x', model: 'x', year: 2020, category: 'x' };
  const twice = await secret.from('cars').insert(car);
  assert.deepEqual([twice.status, twice.error.code], [409, '23505']);
  const orphan = await secret.from('car_pricing').insert({ car_id: randomUUID(), base_price_per_day: 10 });
  assert.deepEqual([orphan.status, orphan.error.code], [409, '23503']);
  const checked = await secret.from('cars').insert({ ...car, slug: 'NOT A SLUG' });
  assert.deepEqual([checked.status, checked.error.code], [400, '23514']);
  const empty = await secret.from('cars').insert({ ...car, slug: 'x', name: null });
  assert.deepEqual([empty.status, empty.error.code], [400, '23502']);
});

test('the service key cannot delete records', async () => {
  for (const table of ['audit_log', 'security_events', 'booking_events']) {
    const removed = await secret.from(table).delete().gte('id', 0);
    assert.equal(removed.error?.code, '42501', table);
  }
});

for (const name of ['SUPABASE_ANON_KEY', 'SUPABASE_PUBLISHABLE_KEY']) {
  test(`${name} has no access`, async () => {
    const anyone = client(variable(name));
    for (const table of ['cars', 'bookings', 'payments', 'customers', 'audit_log', 'security_events', 'schema_migrations']) {
      const { data, error, status } = await anyone.from(table).select('*').limit(1);
      assert.deepEqual([status, error?.code, data], [401, '42501', null], table);
    }
    for (const [call, parameters] of [
      ['list_cars', {}],
      ['health_check', {}],
      ['create_booking', { p_car: '123', p_start_date: '2030-03-04', p_end_date: '2030-03-08' }],
      ['process_scheduled_payment_captures', {}],
    ]) {
      const { data, error, status } = await anyone.rpc(call, parameters);
      assert.deepEqual([status, error?.code, data], [401, '42501', null], call);
    }
  });
}

test('an invalid key is refused', async () => {
  for (const key of ['wrong', 'sb_secret_wrong', `${variable('SUPABASE_SERVICE_ROLE_KEY')}x`]) {
    const { error, status } = await client(key).from('cars').select('slug');
    assert.equal(status, 401, key);
    assert.ok(error, key);
  }
});
