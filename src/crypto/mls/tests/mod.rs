mod framing;
mod key_schedule;
mod labelled;
mod provider;
