//! Calls in shared instances (`--concurrency`).

use std::sync::Arc;

use tokio::sync::oneshot;

use super::call::{Call, granted};
use super::instances::Instances;
use super::lease::{Answer, Ended, Lease};
use crate::client_network::ClientNetwork;
use crate::failure::Failure;
use crate::runtime::instance::Instance;
use crate::runtime::shared_instance::{Placement, SharedInstance, SharedInstances, Sharing};
use crate::wasi::stdio::captured_output::CapturedOutput;
use crate::worlds::{Early, Exports, Job};
use belljar_http::Request;

/// Calls a handler in an instance that other requests share.
pub(super) fn start(
    instances: Arc<Instances>,
    shared: &SharedInstances<Job>,
    sharing: Sharing,
    request: Request,
    client: Arc<str>,
    output: Option<CapturedOutput>,
) -> Call {
    let network = ClientNetwork::of(&client);
    let (job, answered) = Job::new(request, client);
    let shared = match shared.place(job, sharing, &instances.idle, output) {
        Placement::Joined(shared) => shared,
        Placement::Opened(shared, idle) => {
            let guest = Box::pin(run(instances.clone(), shared.clone(), idle));
            tokio::spawn(instances.execute_shared(guest, shared.cpu.clone()));
            shared
        }
    };
    let (response, ahead) = oneshot::channel();
    let output = shared.output.clone();
    let early = Early {
        response,
        account: instances.account.clone(),
        timeout: instances.limits.timeout,
    };
    let relay = async move {
        let response = answered.relay(shared, early).await?;
        let lease = Lease::shared();
        Ok(match response {
            Some(response) => Ended::Answered(Answer { response, lease }),
            None => Ended::Over(lease),
        })
    };
    Call::shared(instances, ahead, output, network, Box::pin(relay))
}

/// Runs a shared instance to the end of its requests.
async fn run(
    instances: Arc<Instances>,
    shared: Arc<SharedInstance<Job>>,
    idle: Option<Instance<Exports>>,
) -> Result<(), Failure> {
    // However the run ends, no request is left waiting.
    let shared = FailOnDrop(shared);
    let outcome = async {
        // The permit is for all its requests, which may be of several clients.
        let admission = instances.admit(ClientNetwork::NONE)?;
        let permit = granted(admission, instances.limits.queue_timeout).await?;
        let output = shared.0.output.clone();
        let mut instance = match idle {
            Some(instance) => instances.begin(instance, output),
            None => instances.make(output).await?,
        };
        if instances.answer_all(&mut instance, &shared.0).await? {
            instance.served = shared.0.taken();
            instances.idle.put(instance);
        }
        drop(permit);
        Ok(())
    };
    if let Err(failure) = outcome.await {
        shared.0.fail(failure);
    }
    Ok(())
}

/// Fails the requests of a shared instance that are not over when its run ends.
struct FailOnDrop(Arc<SharedInstance<Job>>);

impl Drop for FailOnDrop {
    fn drop(&mut self) {
        self.0.fail_unless_failed(Failure::NoResponse);
    }
}
