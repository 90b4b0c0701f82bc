pub(crate) mod compile_cache;
pub(crate) mod copy_on_write_image;
pub(crate) mod engine;
pub(crate) mod epoch;
pub(crate) mod idle_pool;
pub(crate) mod run;
pub(crate) mod scheduler;
pub(crate) mod shared_instance;
