//! Upstreams that fail: lost responses, errors, stopped servers and Redis outages.

mod lost_response_sweep;
mod lost_responses;
mod redis_outages;
mod redis_recovery;
mod stopped_servers;
mod upstream_errors;
