//! The text on the terminal after a complete start.

use crate::console;
use std::{collections::BTreeMap, path::Path};

/// Prints the addresses, the tokens and three commands to try.
pub(crate) fn print(variables: &BTreeMap<&'static str, String>, state: &Path) {
    let value = |name: &str| variables.get(name).map_or("", String::as_str);
    let base = value("PUBLIC_BASE_URL");
    console::print(&format!(
        "
ExoDrive answers on {base}

  Supabase API  {supabase}
  Upstash REST  {upstash}
  PayPal        {paypal}
  Control       {local}/_local/clock
  Database      {database}
  Redis         {redis}
  ADMIN_TOKEN   {admin}
  CRON_SECRET   {cron}
  Variables     {state}/environment

Try:
  curl -s '{base}/api/cars?limit=3'
  curl -s '{base}/api/cars/123'
  curl -s {base}/api/demo/redis -H 'Authorization: Bearer {admin}'

Press Ctrl-C to stop.",
        supabase = value("SUPABASE_URL"),
        upstash = value("UPSTASH_REDIS_REST_URL"),
        paypal = value("PAYPAL_BASE_URL"),
        local = value("LOCAL_URL"),
        database = value("DATABASE_URL"),
        redis = value("REDIS_URL"),
        admin = value("ADMIN_TOKEN"),
        cron = value("CRON_SECRET"),
        state = state.display(),
    ));
}
