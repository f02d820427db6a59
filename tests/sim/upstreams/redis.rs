//! Upstash over a real Redis. Keys live by the simulation's clock, under a prefix of their own.

use crate::surroundings::variable;
use axum::{Router, body::Body};
use bytes::Bytes;
use exodrive::clients::upstash::{ADMIT, DELETE_IF_EQUAL, Script};
use exodrive_local::upstash;
use http::{Request, Response, header};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::runtime::Runtime;
use tower::ServiceExt;

const TOKEN: &str = "simulated-token";

pub(super) struct Redis {
    router: Router,
    prefix: String,
    /// When keys end by our time. Redis is told by scripts alone, whose ends are longer than a history takes by its time.
    ends: BTreeMap<String, Timestamp>,
    touched: BTreeSet<String>,
    hides_generations: bool,
}

/// One command on its way through.
struct Passing {
    /// As Redis gets it.
    words: Vec<String>,
    /// The keys it is about, and when each ends if the command succeeds.
    ends: Vec<(String, Timestamp, When)>,
}

/// On which condition a key's end is set.
#[derive(PartialEq, Eq)]
enum When {
    Always,
    /// The script says that whoever ran it is let in.
    Admitted,
    /// The script says that whoever ran it has the lease.
    Leased,
    /// The script made the epoch, or the generation, which was not there: it has this name.
    EpochIs(String),
    GenerationIs(String),
}

impl Redis {
    pub(super) fn new(hides_generations: bool) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let client = redis::Client::open(variable("REDIS_URL")).unwrap();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            router: upstash::router(client, TOKEN.to_owned(), Arc::default()),
            prefix: format!("simulation:{}:{number}:", std::process::id()),
            ends: BTreeMap::new(),
            touched: BTreeSet::new(),
            hides_generations,
        }
    }

    pub(super) fn reset(&mut self, runtime: &Runtime) {
        self.ends.clear();
        let keys = std::mem::take(&mut self.touched);
        self.delete(runtime, keys);
    }

    fn delete(&self, runtime: &Runtime, keys: impl IntoIterator<Item = String>) {
        let mut words = vec!["DEL".to_owned()];
        words.extend(keys.into_iter().map(|key| format!("{}{key}", self.prefix)));
        if words.len() > 1 {
            self.ask(runtime, &[words]);
        }
    }

    /// The product's pipelines and transactions. Every request is alone with Redis here, so they are the same.
    pub(super) fn perform(
        &mut self,
        runtime: &Runtime,
        now: Timestamp,
        request: &Request<Bytes>,
    ) -> Response<Bytes> {
        assert!(["/pipeline", "/multi-exec"].contains(&request.uri().path()));
        let over: Vec<String> = self
            .ends
            .iter()
            .filter(|(_, end)| **end <= now)
            .map(|(key, _)| key.clone())
            .collect();
        self.ends.retain(|_, end| *end > now);
        self.delete(runtime, over);

        let commands: Vec<Vec<String>> = serde_json::from_slice(request.body()).unwrap();
        let passing: Vec<Passing> = commands
            .iter()
            .map(|command| self.pass(command, now))
            .collect();
        let words: Vec<Vec<String>> = passing.iter().map(|one| one.words.clone()).collect();
        let mut results = self.ask(runtime, &words);
        for (one, result) in passing.into_iter().zip(&results) {
            let has_done = !matches!(result["result"], Value::Null) && result["result"] != 0;
            for (key, end, when) in one.ends.into_iter().filter(|_| has_done) {
                let current = result["result"][4].as_str();
                let is_set = match when {
                    When::Always => true,
                    When::Admitted => !result["result"][2].is_null(),
                    When::Leased => result["result"][2] == 1,
                    When::EpochIs(name) => current.is_some_and(|both| both.starts_with(&name)),
                    When::GenerationIs(name) => current.is_some_and(|both| both.ends_with(&name)),
                };
                if is_set {
                    self.ends.insert(key, end);
                }
            }
        }
        if self.hides_generations {
            for (command, result) in commands.iter().zip(&mut results) {
                hide_generation(command, &mut result["result"]);
            }
        }
        super::json(200, Value::Array(results).to_string())
    }

    /// Knows where each command has its keys. A command that is missing here is one that the product has learnt since.
    fn pass(&mut self, command: &[String], now: Timestamp) -> Passing {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let (words, ends) = match words.as_slice() {
            ["PING"] => (vec!["PING".to_owned()], Vec::new()),
            [name @ ("GET" | "DEL" | "HGETALL"), key] => {
                (vec![(*name).to_owned(), self.key(key)], Vec::new())
            }
            ["EXPIRE", key, seconds] => {
                let end = after(now, SignedDuration::from_secs(seconds.parse().unwrap()));
                let ends = ((*key).to_owned(), end, When::Always);
                (vec!["EXISTS".to_owned(), self.key(key)], vec![ends])
            }
            [
                name @ ("HINCRBY" | "ZADD" | "ZREMRANGEBYRANK" | "ZREMRANGEBYSCORE"),
                key,
                first,
                second,
            ] => {
                let words = [*name, &self.key(key), first, second];
                (words.map(str::to_owned).to_vec(), Vec::new())
            }
            ["SET", key, value, rest @ ..] => {
                let (only_new, life) = match rest {
                    ["EX", seconds] => (false, SignedDuration::from_secs(seconds.parse().unwrap())),
                    ["NX", "PX", millis] => {
                        (true, SignedDuration::from_millis(millis.parse().unwrap()))
                    }
                    _ => panic!("SET with {rest:?} is not known here"),
                };
                let mut words = vec!["SET".to_owned(), self.key(key), (*value).to_owned()];
                words.extend(only_new.then(|| "NX".to_owned()));
                let ends = ((*key).to_owned(), after(now, life), When::Always);
                (words, vec![ends])
            }
            ["EVALSHA", sha1, count, rest @ ..] => {
                self.run(sha1, count.parse().unwrap(), rest, now)
            }
            _ => panic!("{command:?} is not known here"),
        };
        Passing { words, ends }
    }

    /// A script by its source: whether Redis knows its digest already is none of the simulation's.
    fn run(
        &mut self,
        sha1: &str,
        count: usize,
        rest: &[&str],
        now: Timestamp,
    ) -> (Vec<String>, Vec<(String, Timestamp, When)>) {
        let known: [&Script; 2] = [&ADMIT, &DELETE_IF_EQUAL];
        let script = known
            .into_iter()
            .find(|script| script.sha1 == sha1)
            .unwrap();
        let (keys, arguments) = rest.split_at(count);
        let mut words = vec![
            "EVAL".to_owned(),
            script.source.to_owned(),
            count.to_string(),
        ];
        words.extend(keys.iter().map(|key| self.key(key)));
        words.extend(arguments.iter().map(ToString::to_string));
        let mut ends = Vec::new();
        if script == &ADMIT {
            let owner = || arguments[4].to_owned();
            let millis = |at: usize| arguments[at].parse().map(SignedDuration::from_millis);
            let seconds = |at: usize| arguments[at].parse().map(SignedDuration::from_secs);
            let lives = [
                (0, seconds(3), When::Admitted),
                (2, millis(5), When::Leased),
                (4, seconds(8), When::EpochIs(owner())),
                (5, seconds(8), When::GenerationIs(owner())),
            ];
            for (at, life, when) in lives {
                // Nobody is counted where there is no number, and only readers have all the keys.
                if let (Some(key), Ok(life)) = (keys.get(at), life) {
                    ends.push(((*key).to_owned(), after(now, life), when));
                }
            }
        }
        (words, ends)
    }

    fn key(&mut self, key: &str) -> String {
        self.touched.insert(key.to_owned());
        format!("{}{key}", self.prefix)
    }

    fn ask(&self, runtime: &Runtime, commands: &[Vec<String>]) -> Vec<Value> {
        let request = Request::post("/pipeline")
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
            .body(Body::from(json!(commands).to_string()))
            .unwrap();
        let router = self.router.clone();
        let (status, body) = runtime.block_on(async {
            let answer = router.oneshot(request).await.unwrap();
            let status = answer.status();
            (
                status,
                answer.into_body().collect().await.unwrap().to_bytes(),
            )
        });
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }
}

fn after(now: Timestamp, life: SignedDuration) -> Timestamp {
    now.checked_add(life).unwrap()
}

/// Lets every envelope look as if it were of the present generation.
fn hide_generation(command: &[String], result: &mut Value) {
    if command.get(1).is_none_or(|digest| digest != ADMIT.sha1) {
        return;
    }
    if let Some(envelope) = result[3].as_str() {
        let named = envelope.split(' ').next().unwrap_or_default().to_owned();
        result[4] = named.into();
        result[2] = 0.into();
    }
}
