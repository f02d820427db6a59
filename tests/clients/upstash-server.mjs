// An independent server of Upstash's REST API on 127.0.0.1, over the Redis at REDIS_URL.
// Usage: PORT=8079 node upstash-server.mjs
//
// It supports single commands and pipelines, but neither transactions nor `Upstash-Encoding`. It
// requires the token on `/` only.

import { serve } from '@hono/node-server';
import { createApp } from '@humanwhocodes/upstash-redis-server';
import { variable } from './environment.mjs';

const app = createApp({ token: variable('UPSTASH_REDIS_REST_TOKEN'), redisUrl: variable('REDIS_URL') });
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(variable('PORT')) });
