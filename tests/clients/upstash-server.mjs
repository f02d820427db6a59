// Somebody else's server of Upstash's REST API, over the Redis at REDIS_URL and on this machine alone. Usage:
// PORT=8079 node upstash-server.mjs
//
// It knows single commands and pipelines, no transactions, no `Upstash-Encoding`, and asks for the token on `/` only.

import { serve } from '@hono/node-server';
import { createApp } from '@humanwhocodes/upstash-redis-server';
import { variable } from './surroundings.mjs';

const app = createApp({ token: variable('UPSTASH_REDIS_REST_TOKEN'), redisUrl: variable('REDIS_URL') });
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(variable('PORT')) });
