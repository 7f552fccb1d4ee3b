mod conversation;
mod framing;
mod key_schedule;
mod labelled;
mod passive;
mod provider;
