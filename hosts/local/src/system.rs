//! Starts the whole system in order and stops it in the reverse order.

use crate::{
    arguments::Arguments,
    console,
    control::{self, Control, Upstreams},
    crons::{self, CronRunner},
    environment::{self, Addresses, Secrets},
    error::Error,
    local_clock::LocalClock,
    paypal::Simulator,
    ports, private_files, product,
    serve::Server,
    settings::Settings,
    stack::{Stack, StackOptions},
    state_dir::StateDir,
    supabase, upstash,
    webhooks::Sender,
    welcome,
    wiring::{self, Background},
};
use exodrive::Service;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};

const CHILD_POLL_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) struct System {
    settings: Settings,
    arguments: Arguments,
    state: Arc<StateDir>,
    stack: Option<Arc<Stack>>,
    /// In start order.
    servers: Vec<Server>,
    paypal: Option<Simulator>,
    tasks: Vec<JoinHandle<()>>,
    background: Background,
    service: Option<Service>,
}

/// The sockets of one start. They are bound first, so a port in use fails before anything runs.
struct Listeners {
    /// Serves the control API, and the product unless `--upstreams-only` is set.
    front: TcpListener,
    front_ipv6: Option<TcpListener>,
    supabase: TcpListener,
    upstash: TcpListener,
    paypal: TcpListener,
}

impl System {
    /// Locks the state folder and starts nothing.
    pub(crate) fn open(settings: Settings, arguments: Arguments) -> Result<Self, Error> {
        let state = Arc::new(StateDir::open(&settings.state_dir)?);
        private_files::remove_file(&state.environment_file())?;
        Ok(Self {
            settings,
            arguments,
            state,
            stack: None,
            servers: Vec::new(),
            paypal: None,
            tasks: Vec::new(),
            background: Background::default(),
            service: None,
        })
    }

    /// Starts everything and prints the addresses.
    pub(crate) async fn start(&mut self) -> Result<(), Error> {
        let crons = crons::read(&self.settings.root)?;
        let listeners = self.listen().await?;
        if self.arguments.fresh {
            private_files::remove_file(&self.state.paypal_file())?;
            private_files::remove_file(&self.state.clock_file())?;
        }
        let options = StackOptions {
            fresh: self.arguments.fresh,
            database: self.settings.database.clone(),
            redis: self.settings.redis.clone(),
        };
        let stack = Arc::new(Stack::prepare(&self.state, options).await?);
        self.stack = Some(Arc::clone(&stack));
        let secrets = Secrets::read(&self.state)?;
        stack
            .start(&self.settings.root, &self.state, secrets.jwt_secret.clone())
            .await?;

        let variables = self.compose(&listeners, &stack, &secrets)?;
        let clock = Arc::new(LocalClock::open(self.state.clock_file()));
        let crons = (!self.arguments.upstreams_only).then(|| {
            let authority = address(&listeners.front).unwrap_or_default();
            let secret = variables.get("CRON_SECRET").cloned().unwrap_or_default();
            Arc::new(CronRunner::new(crons, authority, secret))
        });
        if !self.arguments.upstreams_only {
            let clock = clock.clock().clone();
            self.service = Some(wiring::product(&variables, clock, &self.background)?);
        }
        let handler = self.service.clone().map(wiring::handler);
        let paypal = Simulator::load(
            clock.clock().clone(),
            secrets.paypal.clone(),
            url(&listeners.paypal)?,
            &self.state.paypal_file(),
        )
        .map_err(|error| Error::PayPal(error.to_string()))?;
        let product = self.product_url(&listeners, &variables)?;
        let control = Control {
            clock: Arc::clone(&clock),
            stack: Arc::clone(&stack),
            upstreams: Upstreams::default(),
            redis_counters: Arc::default(),
            webhooks: Arc::new(Sender::new(paypal.clone(), &product)),
            paypal: paypal.clone(),
            keys: secrets.supabase.clone(),
            crons: crons.clone(),
        };
        let sender = Arc::clone(&control.webhooks);
        self.serve(listeners, secrets, handler, control).await?;
        if let Some(crons) = crons.filter(|_| self.settings.runs_crons) {
            self.tasks
                .push(tokio::spawn(crons.run_due(clock.clock().clone())));
        }
        if self.settings.sends_webhooks {
            self.tasks.push(tokio::spawn(sender.keep_sending()));
        }
        self.tasks.push(tokio::spawn(watch_children(stack)));
        self.tasks.push(tokio::spawn(paypal.clone().keep_saving()));
        self.paypal = Some(paypal);
        self.announce(variables)
    }

    /// Stops everything that runs, even after an incomplete start.
    pub(crate) async fn stop(&mut self) -> Result<(), Error> {
        let removed = private_files::remove_file(&self.state.environment_file());
        for task in self.tasks.drain(..) {
            task.abort();
        }
        // The product is last in this list and stops first, while its upstreams still answer.
        while let Some(server) = self.servers.pop() {
            server.stop().await;
            if let Some(service) = self.service.take() {
                service.finish_counting().await;
            }
            self.background.finish().await;
        }
        let saved = match self.paypal.take() {
            Some(paypal) => paypal.save().map_err(Error::io("write PayPal's orders")),
            None => Ok(()),
        };
        let stopped = match self.stack.take() {
            Some(stack) => stack.stop().await,
            None => Ok(()),
        };
        removed.and(saved).and(stopped)
    }

    async fn listen(&self) -> Result<Listeners, Error> {
        let front = match (self.arguments.upstreams_only, self.settings.port) {
            (true, _) => ports::listen(&self.state, "control").await?,
            (false, 0) => ports::listen(&self.state, "product").await?,
            (false, port) => ports::listen_on(port).await?,
        };
        let front_ipv6 = if self.arguments.upstreams_only {
            None
        } else {
            ports::listen_on_ipv6(port(&front)?).await?
        };
        Ok(Listeners {
            front,
            front_ipv6,
            supabase: ports::listen(&self.state, "supabase").await?,
            upstash: ports::listen(&self.state, "upstash").await?,
            paypal: ports::listen(&self.state, "paypal").await?,
        })
    }

    fn compose(
        &self,
        listeners: &Listeners,
        stack: &Stack,
        secrets: &Secrets,
    ) -> Result<BTreeMap<&'static str, String>, Error> {
        let public_port = if self.arguments.upstreams_only {
            self.settings.port
        } else {
            port(&listeners.front)?
        };
        let addresses = Addresses {
            public_base_url: format!("http://localhost:{public_port}"),
            local_url: url(&listeners.front)?,
            supabase: url(&listeners.supabase)?,
            upstash: url(&listeners.upstash)?,
            paypal: url(&listeners.paypal)?,
            database: stack.database_url(),
            redis: stack.redis_url(),
        };
        environment::compose(&self.state, &addresses, secrets)
    }

    /// The product's address: this process, or `PUBLIC_BASE_URL` with `--upstreams-only`.
    fn product_url(
        &self,
        listeners: &Listeners,
        variables: &BTreeMap<&'static str, String>,
    ) -> Result<String, Error> {
        if self.arguments.upstreams_only {
            return Ok(variables
                .get("PUBLIC_BASE_URL")
                .cloned()
                .unwrap_or_default());
        }
        url(&listeners.front)
    }

    async fn serve(
        &mut self,
        listeners: Listeners,
        secrets: Secrets,
        handler: Option<product::Handler>,
        control: Control,
    ) -> Result<(), Error> {
        let redis =
            redis::Client::open(control.stack.redis_url()).map_err(|source| Error::Redis {
                problem: "REDIS_URL cannot be used".to_owned(),
                source,
            })?;
        let gateway =
            supabase::router(secrets.supabase, &control.stack.postgrest_authority().await);
        let counters = Arc::clone(&control.redis_counters);
        let emulator = upstash::router(redis, secrets.upstash_token, counters);
        let paypal = control.paypal.router();
        let upstreams = &control.upstreams;

        self.start_server(listeners.supabase, gateway, Some(&upstreams.database));
        self.start_server(listeners.upstash, emulator, Some(&upstreams.redis));
        self.start_server(listeners.paypal, paypal, Some(&upstreams.paypal));
        let control = control::router(control);
        let front = match handler {
            Some(handler) => {
                control.fallback_service(product::router(handler, &self.settings.root))
            }
            None => control,
        };
        if let Some(listener) = listeners.front_ipv6 {
            self.start_server(listener, front.clone(), None);
        }
        self.start_server(listeners.front, front, None);
        Ok(())
    }

    fn start_server(
        &mut self,
        listener: TcpListener,
        router: axum::Router,
        upstream: Option<&Arc<crate::faults::Upstream>>,
    ) {
        self.servers
            .push(Server::start(listener, router, upstream.cloned()));
    }

    /// Writes the environment file, which shows scripts that the system is ready. Then prints the
    /// variables for another host, or the welcome text.
    fn announce(&self, mut variables: BTreeMap<&'static str, String>) -> Result<(), Error> {
        if self.arguments.upstreams_only {
            let lines = environment::lines(&variables);
            private_files::write(&self.state.environment_file(), &lines)?;
            console::print(lines.trim_end());
            return Ok(());
        }
        let local_url = variables.get("LOCAL_URL").cloned().unwrap_or_default();
        variables.insert("BASE_URL", local_url);
        private_files::write(
            &self.state.environment_file(),
            &environment::lines(&variables),
        )?;
        welcome::print(&variables, self.state.path());
        Ok(())
    }
}

/// Reports a child that ends by itself. Requests to it fail as they would in production.
async fn watch_children(stack: Arc<Stack>) {
    loop {
        sleep(CHILD_POLL_INTERVAL).await;
        if let Some(error) = stack.unexpected_end().await {
            console::report(&error);
            return;
        }
    }
}

fn address(listener: &TcpListener) -> Result<String, Error> {
    listener
        .local_addr()
        .map(|address| address.to_string())
        .map_err(Error::io("read a port"))
}

fn port(listener: &TcpListener) -> Result<u16, Error> {
    listener
        .local_addr()
        .map(|address| address.port())
        .map_err(Error::io("read a port"))
}

fn url(listener: &TcpListener) -> Result<String, Error> {
    Ok(format!("http://{}", address(listener)?))
}
