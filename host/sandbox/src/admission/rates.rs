//! Rate limits: how many requests a handler and each client may send in a time (`rate`, `client-rate`).

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, StateStore};
use governor::{Quota, RateLimiter};

use crate::account::limits::{Limits, Rate};
use crate::client_network::ClientNetwork;
use crate::failure::{Failure, Whose};

/// The token buckets of a handler.
pub(crate) struct Rates<C: Clock = DefaultClock> {
    all: Option<Arc<Buckets<InMemoryState, C>>>,
    clients: Option<Arc<Buckets<Clients, C>>>,
}

struct Buckets<S: StateStore, C: Clock> {
    rate: Rate,
    limiter: RateLimiter<S::Key, S, C, NoOpMiddleware<C::Instant>>,
}

impl Rates {
    pub fn new(limits: &Limits) -> Self {
        Self::by(limits, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Rates<C> {
    fn by(limits: &Limits, clock: C) -> Self {
        Self {
            all: limits
                .rate
                .map(|rate| Buckets::new(rate, InMemoryState::default(), clock.clone())),
            clients: limits
                .client_rate
                .map(|rate| Buckets::new(rate, Clients::default(), clock)),
        }
    }

    /// Takes over the buckets of an older version if the rate is the same.
    pub fn succeed(&mut self, old: &Self) {
        Buckets::succeed(&mut self.all, &old.all);
        Buckets::succeed(&mut self.clients, &old.clients);
    }

    /// Takes a token for a request of `client`, an address and port.
    pub fn check(&self, client: &str) -> Result<(), Failure> {
        // The client's own bucket comes first, so that its excess takes no tokens from other clients.
        if let Some(buckets) = &self.clients {
            let taken = buckets.limiter.check_key(&ClientNetwork::of(client));
            taken.map_err(|refused| buckets.failure(Whose::Client, &refused))?;
        }
        if let Some(buckets) = &self.all {
            let taken = buckets.limiter.check();
            taken.map_err(|refused| buckets.failure(Whose::All, &refused))?;
        }
        Ok(())
    }
}

impl<S: StateStore, C: Clock> Buckets<S, C> {
    fn new(rate: Rate, state: S, clock: C) -> Arc<Self> {
        Arc::new(Self {
            rate,
            limiter: RateLimiter::new(quota(rate), state, clock),
        })
    }

    fn succeed(new: &mut Option<Arc<Self>>, old: &Option<Arc<Self>>) {
        if let (Some(new), Some(old)) = (new, old)
            && new.rate == old.rate
        {
            *new = old.clone();
        }
    }

    fn failure(&self, whose: Whose, refused: &governor::NotUntil<C::Instant>) -> Failure {
        Failure::RateExceeded {
            whose,
            rate: self.rate,
            wait: refused.wait_time_from(self.limiter.clock().now()),
        }
    }
}

/// A bucket that holds `burst` tokens and gains one after each interval.
fn quota(rate: Rate) -> Quota {
    let interval = (rate.per / rate.requests.max(1)).clamp(Duration::from_nanos(1), LONGEST);
    // governor counts the content of a bucket in nanoseconds of a u64.
    let most = LONGEST.as_nanos() / interval.as_nanos();
    let burst = rate.burst.min(u32::try_from(most).unwrap_or(u32::MAX));
    let quota = Quota::with_period(interval);
    let quota = quota.unwrap_or(Quota::per_second(NonZeroU32::MIN));
    quota.allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN))
}

/// The time at which the bucket of each client will be full again.
#[derive(Default)]
struct Clients(Mutex<HashMap<ClientNetwork, Nanos>>);

impl StateStore for Clients {
    type Key = ClientNetwork;

    fn measure_and_replace<T, F, E>(&self, client: &ClientNetwork, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = clients.get_mut(client);
        let (outcome, full) = measure(known.as_deref().copied())?;
        match known {
            Some(known) => *known = full,
            None => {
                if clients.len() >= MAX_CLIENTS {
                    forget_half(&mut clients);
                }
                clients.insert(*client, full);
            }
        }
        Ok(outcome)
    }
}

/// Forgets the clients with the fullest buckets: they lose the least.
fn forget_half(clients: &mut HashMap<ClientNetwork, Nanos>) {
    let mut full: Vec<Nanos> = clients.values().copied().collect();
    let middle = full.len() / 2;
    if middle < full.len() {
        let (_, median, _) = full.select_nth_unstable(middle);
        let median = *median;
        clients.retain(|_, full| *full > median);
    }
}

/// The most clients with a bucket of their own, for each handler: some megabytes.
const MAX_CLIENTS: usize = 100_000;

/// The longest time in which a bucket fills up.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use std::net::{Ipv6Addr, SocketAddr};

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn rate(requests: u32, seconds: u64, burst: u32) -> Option<Rate> {
        Some(Rate {
            requests,
            per: Duration::from_secs(seconds),
            burst,
        })
    }

    fn limits(rate: Option<Rate>, client_rate: Option<Rate>) -> Limits {
        Limits {
            rate,
            client_rate,
            ..Limits::default()
        }
    }

    /// How many of the requests pass.
    fn passing(rates: &Rates<FakeRelativeClock>, client: &str, requests: usize) -> usize {
        (0..requests)
            .filter(|_| rates.check(client).is_ok())
            .count()
    }

    #[test]
    fn allows_a_burst_and_then_the_rate() {
        for (rate, burst, later) in [
            (rate(10, 1, 10), 10, 10),
            (rate(10, 1, 50), 50, 10),
            (rate(10, 1, 1), 1, 1),
            (rate(60, 60, 5), 5, 1),
            (rate(u32::MAX, 1, 1_000), 1_000, 1_000),
        ] {
            let clock = FakeRelativeClock::default();
            let rates = Rates::by(&limits(rate, None), clock.clone());
            assert_eq!(passing(&rates, "192.0.2.1:1", 1_000), burst, "{rate:?}");
            clock.advance(Duration::from_secs(1));
            assert_eq!(passing(&rates, "192.0.2.2:1", 1_000), later, "{rate:?}");
        }
    }

    #[test]
    fn accepts_extreme_rates() {
        let most = u32::MAX;
        for (requests, per, burst) in [
            (0, Duration::ZERO, 0),
            (1, Duration::MAX, most),
            (most, Duration::ZERO, most),
            (1, LONGEST, most),
        ] {
            let clock = FakeRelativeClock::default();
            let rate = Some(Rate {
                requests,
                per,
                burst,
            });
            let rates = Rates::by(&limits(rate, rate), clock.clone());
            assert!(rates.check("192.0.2.1:1").is_ok(), "{rate:?}");
            for _ in 0..3 {
                let _ = rates.check("192.0.2.1:1");
                clock.advance(Duration::from_secs(1));
            }
        }
    }

    #[test]
    fn limits_each_client_by_its_address() {
        for (one, other, same) in [
            ("192.0.2.1:1", "192.0.2.1:2", true),
            ("192.0.2.1:1", "192.0.2.2:1", false),
            ("[2001:db8::1]:1", "[2001:db8:0:0:ffff::2]:2", true),
            ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1:1", true),
            ("[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", false),
        ] {
            let rates = Rates::by(&limits(None, rate(1, 1, 1)), FakeRelativeClock::default());
            assert!(rates.check(one).is_ok());
            assert_eq!(rates.check(other).is_err(), same, "{one} and {other}");
        }
    }

    #[test]
    fn an_excessive_client_takes_no_tokens_from_the_others() {
        let limits = limits(rate(10, 1, 10), rate(5, 1, 5));
        let rates = Rates::by(&limits, FakeRelativeClock::default());
        assert_eq!(passing(&rates, "192.0.2.1:1", 100), 5);
        assert_eq!(passing(&rates, "192.0.2.2:1", 100), 5);
    }

    #[test]
    fn a_refusal_says_when_to_retry() {
        let clock = FakeRelativeClock::default();
        let rates = Rates::by(&limits(None, rate(6, 60, 1)), clock.clone());
        assert!(rates.check("192.0.2.1:1").is_ok());
        clock.advance(Duration::from_millis(2_500));
        let failure = rates.check("192.0.2.1:1").unwrap_err();
        let Failure::RateExceeded { whose, wait, .. } = failure else {
            panic!("{failure:?}");
        };
        assert_eq!((whose, wait), (Whose::Client, Duration::from_millis(7_500)));
    }

    #[test]
    fn a_newer_version_takes_over_the_buckets() {
        let clock = FakeRelativeClock::default();
        let client = "192.0.2.1:1";
        let old = Rates::by(&limits(rate(5, 1, 5), rate(3, 1, 3)), clock.clone());
        assert_eq!(passing(&old, client, 100), 3);
        for (rate, client_rate, expected) in [
            (rate(5, 1, 5), rate(3, 1, 3), 0),
            (rate(5, 1, 5), rate(4, 1, 4), 2),
            (rate(9, 1, 9), None, 9),
            (None, None, 100),
        ] {
            let mut new = Rates::by(&limits(rate, client_rate), clock.clone());
            new.succeed(&old);
            assert_eq!(
                passing(&new, client, 100),
                expected,
                "{rate:?} {client_rate:?}"
            );
        }
    }

    #[test]
    fn remembers_limited_clients_longest() {
        let clock = FakeRelativeClock::default();
        let rates = Rates::by(&limits(None, rate(10, 1_000, 10)), clock);
        let busy = "192.0.2.1:1";
        assert_eq!(passing(&rates, busy, 100), 10);
        for number in 0..3 * MAX_CLIENTS {
            let client = SocketAddr::from((Ipv6Addr::from((number as u128) << 64), 1));
            assert!(rates.check(&client.to_string()).is_ok());
        }
        assert!(rates.check(busy).is_err());
        let clients = rates.clients.unwrap();
        assert!(clients.limiter.check_key(&ClientNetwork::of(busy)).is_err());
        let known = Arc::into_inner(clients).unwrap().limiter.into_state_store();
        let known = known.0.into_inner().unwrap().len();
        assert!((1..=MAX_CLIENTS).contains(&known), "{known}");
    }
}
