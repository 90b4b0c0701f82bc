//! TCP sockets: each counts as an open file from its creation until the guest drops it.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::sockets::WasiSocketsView;
use wasmtime_wasi::{p2, p3};

use super::SocketsView;
use crate::account::resource::Resource as Charged;

/// Links the functions and resources of WASI 0.2 in place of those that the linker has.
pub(super) fn link<T: WasiSocketsView + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> SocketsView<'_>,
) -> wasmtime::Result<()> {
    use p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
    use p2::bindings::sockets::tcp::HostTcpSocket;
    use p2::bindings::sockets::tcp_create_socket::Host;
    let mut create = linker.instance("wasi:sockets/tcp-create-socket@0.2.12")?;
    create.func_wrap(
        "create-tcp-socket",
        move |mut store: StoreContextMut<'_, T>, (family,): (IpAddressFamily,)| {
            let socket = view(store.data_mut());
            if !socket.may_connect() {
                return Ok((Err(ErrorCode::AccessDenied),));
            }
            let Ok(charged) = socket.account.hold(Charged::OpenFiles, 1) else {
                return Ok((Err(ErrorCode::NewSocketLimit),));
            };
            Ok(
                (match store.data_mut().sockets().create_tcp_socket(family) {
                    Ok(socket) => {
                        charged.keep();
                        Ok(socket)
                    }
                    Err(error) => Err(error.downcast()?),
                },),
            )
        },
    )?;
    linker.instance("wasi:sockets/tcp@0.2.12")?.resource(
        "tcp-socket",
        ResourceType::host::<p2::TcpSocket>(),
        move |mut store: StoreContextMut<'_, T>, handle| {
            HostTcpSocket::drop(&mut store.data_mut().sockets(), Resource::new_own(handle))?;
            view(store.data_mut())
                .account
                .release(Charged::OpenFiles, 1);
            Ok(())
        },
    )
}

/// As [`link`], for WASI 0.3.
pub(super) fn link_concurrent<T: WasiSocketsView + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> SocketsView<'_>,
) -> wasmtime::Result<()> {
    use p3::bindings::sockets::types::{ErrorCode, HostTcpSocket, IpAddressFamily};
    let mut types = linker.instance("wasi:sockets/types@0.3.0")?;
    types.func_wrap(
        "[static]tcp-socket.create",
        move |mut store: StoreContextMut<'_, T>, (family,): (IpAddressFamily,)| {
            let socket = view(store.data_mut());
            if !socket.may_connect() {
                return Ok((Err(ErrorCode::AccessDenied),));
            }
            let Ok(charged) = socket.account.hold(Charged::OpenFiles, 1) else {
                let reason = "too many open files (max-open-files)".into();
                return Ok((Err(ErrorCode::Other(Some(reason))),));
            };
            Ok((match store.data_mut().sockets().create(family) {
                Ok(socket) => {
                    charged.keep();
                    Ok(socket)
                }
                Err(error) => Err(error.downcast()?),
            },))
        },
    )?;
    types.resource(
        "tcp-socket",
        ResourceType::host::<wasmtime_wasi::sockets::TcpSocket>(),
        move |mut store: StoreContextMut<'_, T>, handle| {
            HostTcpSocket::drop(&mut store.data_mut().sockets(), Resource::new_own(handle))?;
            view(store.data_mut())
                .account
                .release(Charged::OpenFiles, 1);
            Ok(())
        },
    )
}

impl SocketsView<'_> {
    /// Whether the handler may connect to anything. If not, the log says so.
    fn may_connect(&self) -> bool {
        let is_granted = !self.grant.connections.allowed.is_empty();
        if !is_granted {
            self.denials.denied(
                "a TCP socket was denied: no TCP connection is granted; add --allow-tcp HOST:PORT to allow one",
            );
        }
        is_granted
    }
}
