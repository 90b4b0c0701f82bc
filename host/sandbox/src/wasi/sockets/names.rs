//! `wasi:sockets/ip-name-lookup`: a guest looks up the names that it may connect to, and no others.

use std::future::Future;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::vec;

use futures_util::FutureExt;
use tokio::time::timeout;
use wasmtime::StoreContextMut;
use wasmtime::component::{Accessor, Linker, Resource, ResourceType};
use wasmtime_wasi::p2::bindings::sockets::network::{
    ErrorCode as ErrorCode02, IpAddress as IpAddress02, Network,
};
use wasmtime_wasi::p3::bindings::sockets::ip_name_lookup::ErrorCode as ErrorCode03;
use wasmtime_wasi::p3::bindings::sockets::types::IpAddress as IpAddress03;
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};

use super::SocketsView;
use super::connections::addresses;
use crate::account::resource::Resource as Charged;
use crate::wasi::network::host::{Host, parse_host};

/// Why a lookup failed.
#[derive(Debug, Clone, Copy)]
enum LookupError {
    /// The name, or all its addresses, are not granted.
    Denied,
    /// The text is neither a name nor an address.
    Invalid,
    /// The name has no address.
    NotFound,
    /// The name server does not answer in time, or the handler has too many open files.
    Unavailable,
}

type Found = Result<Vec<IpAddr>, LookupError>;

/// The host side of the resource `resolve-address-stream` of WASI 0.2.
struct Addresses(State);

enum State {
    Pending(AbortOnDropJoinHandle<Found>),
    Done(Result<vec::IntoIter<IpAddr>, LookupError>),
}

#[async_trait]
impl Pollable for Addresses {
    async fn ready(&mut self) {
        if let State::Pending(lookup) = &mut self.0 {
            let found = (&mut **lookup)
                .await
                .unwrap_or(Err(LookupError::Unavailable));
            self.0 = State::Done(found.map(Vec::into_iter));
        }
    }
}

pub(super) fn link<T: 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> SocketsView<'_>,
) -> wasmtime::Result<()> {
    let mut names = linker.instance("wasi:sockets/ip-name-lookup@0.2.12")?;
    names.resource(
        "resolve-address-stream",
        ResourceType::host::<Addresses>(),
        move |mut store: StoreContextMut<'_, T>, handle| {
            let table = view(store.data_mut()).table;
            table.delete(Resource::<Addresses>::new_own(handle))?;
            Ok(())
        },
    )?;
    names.func_wrap(
        "resolve-addresses",
        move |mut store: StoreContextMut<'_, T>, (network, name): (Resource<Network>, String)| {
            let view = view(store.data_mut());
            view.table.get(&network)?;
            let lookup = match view.lookup(&name) {
                Ok(lookup) => lookup,
                Err(error) => return Ok((Err(code02(error)),)),
            };
            let addresses = Addresses(State::Pending(spawn(lookup)));
            Ok((Ok(view.table.push(addresses)?),))
        },
    )?;
    names.func_wrap(
        "[method]resolve-address-stream.resolve-next-address",
        move |mut store: StoreContextMut<'_, T>, (stream,): (Resource<Addresses>,)| {
            let stream = view(store.data_mut()).table.get_mut(&stream)?;
            // The guest may ask without having waited.
            let _ = stream.ready().now_or_never();
            let next: Result<Option<IpAddress02>, ErrorCode02> = match &mut stream.0 {
                State::Pending(_) => Err(ErrorCode02::WouldBlock),
                State::Done(Ok(addresses)) => Ok(addresses.next().map(IpAddress02::from)),
                State::Done(Err(error)) => Err(code02(*error)),
            };
            Ok((next,))
        },
    )?;
    names.func_wrap(
        "[method]resolve-address-stream.subscribe",
        move |mut store: StoreContextMut<'_, T>, (stream,): (Resource<Addresses>,)| {
            let pollable: Resource<DynPollable> = subscribe(view(store.data_mut()).table, stream)?;
            Ok((pollable,))
        },
    )
}

pub(super) fn link_concurrent<T: 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> SocketsView<'_>,
) -> wasmtime::Result<()> {
    let mut names = linker.instance("wasi:sockets/ip-name-lookup@0.3.0")?;
    names.func_wrap_concurrent(
        "resolve-addresses",
        move |accessor: &Accessor<T>, (name,): (String,)| {
            Box::pin(async move {
                let found = match accessor.with(|mut store| view(store.data_mut()).lookup(&name)) {
                    Ok(lookup) => lookup.await,
                    Err(error) => Err(error),
                };
                let shown = |found: Vec<IpAddr>| -> Vec<IpAddress03> {
                    found.into_iter().map(IpAddress03::from).collect()
                };
                Ok((found.map(shown).map_err(code03),))
            })
        },
    )
}

impl SocketsView<'_> {
    /// Begins the lookup of a name. Its addresses are those that the guest may connect to.
    ///
    /// # Errors
    ///
    /// If the name is not granted or not valid, or the handler has too many open files.
    fn lookup(
        &self,
        name: &str,
    ) -> Result<impl Future<Output = Found> + Send + use<>, LookupError> {
        let written = match name.parse::<Ipv6Addr>() {
            Ok(address) => Host::Address(address.into()),
            Err(_) => parse_host(name).map_err(|_| LookupError::Invalid)?,
        };
        let wanted = match &written {
            Host::Address(_) => None,
            Host::Name(name) if self.grant.connections.is_granted(name) => {
                let charged = self.account.hold(Charged::OpenFiles, 1);
                Some(charged.map_err(|_| LookupError::Unavailable)?)
            }
            Host::Name(name) => {
                self.denials.denied(&format!(
                    "a lookup of the name {name} was denied; add --allow-tcp {name}:PORT to allow it"
                ));
                return Err(LookupError::Denied);
            }
        };
        let (grant, resolved) = (self.grant.clone(), self.resolved.clone());
        let denials = self.denials.clone();
        Ok(async move {
            let name = match written {
                // An address needs no lookup, and gives no right to connect.
                Host::Address(address) => return Ok(vec![address.to_canonical()]),
                Host::Name(name) => name,
            };
            let looked_up = name.clone();
            let lookup = grant.lookups.run(move || {
                // The resolver has a socket open, also if the guest no longer waits for it.
                let _charged = wanted;
                addresses(&looked_up)
            });
            let found = match timeout(grant.connections.lookup_timeout, lookup).await {
                Ok(Ok(Ok(found))) => found,
                Ok(_) => return Err(LookupError::NotFound),
                Err(_) => return Err(LookupError::Unavailable),
            };
            let first = *found.first().ok_or(LookupError::NotFound)?;
            let permitted: Vec<IpAddr> = found
                .into_iter()
                .filter(|address| grant.connections.permits(&name, *address))
                .collect();
            if permitted.is_empty() {
                denials.denied(&format!(
                    "a lookup of the name {name} was denied: its address {first} is not public; add --allow-private \
                     {first} to allow it"
                ));
                return Err(LookupError::Denied);
            }
            for port in grant.connections.ports_of(&name) {
                for address in &permitted {
                    resolved.add(SocketAddr::new(*address, port));
                }
            }
            Ok(permitted)
        })
    }
}

fn code02(error: LookupError) -> ErrorCode02 {
    match error {
        LookupError::Denied => ErrorCode02::AccessDenied,
        LookupError::Invalid => ErrorCode02::InvalidArgument,
        LookupError::NotFound => ErrorCode02::NameUnresolvable,
        LookupError::Unavailable => ErrorCode02::TemporaryResolverFailure,
    }
}

fn code03(error: LookupError) -> ErrorCode03 {
    match error {
        LookupError::Denied => ErrorCode03::AccessDenied,
        LookupError::Invalid => ErrorCode03::InvalidArgument,
        LookupError::NotFound => ErrorCode03::NameUnresolvable,
        LookupError::Unavailable => ErrorCode03::TemporaryResolverFailure,
    }
}
