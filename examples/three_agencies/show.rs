//! What the example prints.

use std::io::{IsTerminal, Write};

use verbund::{
    client::Event,
    content::Content,
    identity::{Endorsement, Endorser},
    ids::{Device, UserId},
    time::Timestamp,
};

use crate::world::Phone;

/// A new part of the story.
pub fn chapter(title: &str) {
    match std::io::stdout().is_terminal() {
        true => println!("\n\x1b[1m{title}\x1b[0m"),
        false => println!("\n{title}"),
    }
}

/// One thing that happens.
pub fn line(text: impl AsRef<str>) {
    println!("  {}", text.as_ref());
}

/// What people call a device, and what it is called in the room.
pub fn phone(phone: &Phone) {
    line(format!("{:<14} {}", phone.name, id(&phone.device)));
}

/// A progress bar; where nobody watches, its last state alone.
pub fn bar(who: &str, done: u64, total: u64) {
    let filled = usize::try_from(done.saturating_mul(30) / total.max(1)).unwrap_or(30);
    let text =
        format!("  {who:<13} [{}{}] {done}/{total} chunks", "#".repeat(filled), ".".repeat(30 - filled));
    if std::io::stdout().is_terminal() {
        print!("\r{text}");
        let _ = std::io::stdout().flush();
    }
    if done == total {
        println!("{}{text}", if std::io::stdout().is_terminal() { "\r" } else { "" });
    }
}

/// What phones show of their new events: what several of them show alike, once, with their names.
pub fn events(phones: &[Phone], from: &[usize]) {
    let mut told: Vec<(String, Vec<&str>)> = Vec::new();
    for (place, phone) in phones.iter().enumerate() {
        for text in phone.events.iter().skip(from.get(place).copied().unwrap_or(0)).filter_map(self::told) {
            match told.iter_mut().find(|(known, by)| *known == text && !by.contains(&&*phone.name)) {
                Some((_, by)) => by.push(&phone.name),
                None => told.push((text, vec![&phone.name])),
            }
        }
    }
    for (text, by) in told {
        line(format!("{text}  [{}]", by.join(", ")));
    }
}

/// `anna@police.north.example/9f3c81d2`: enough for this story.
fn id(device: &Device) -> String {
    let text = device.to_string();
    let end = text.find('/').map_or(text.len(), |slash| slash + 9);
    text.get(..end).unwrap_or(&text).to_owned()
}

/// `anna`: nobody has a namesake here.
pub fn first(user: &UserId) -> &str {
    user.as_str().split('@').next().unwrap_or_default()
}

/// An event in words.
fn told(event: &Event) -> Option<String> {
    Some(match event {
        Event::RoomCreated { name, .. } => format!("room \"{name}\" is there"),
        Event::Joined { name, by, .. } => {
            format!("joined \"{}\", invited by {}", name.as_deref().unwrap_or("?"), first(&by.user))
        }
        Event::Message { seq, sender, content, .. } => {
            format!("#{seq} {}: {}", first(&sender.user), said(content))
        }
        Event::MembersChanged { seq, by, joined, left, removed, devices_added, devices_removed, .. } => {
            let users = [("joined", joined), ("left", left), ("removed", removed)];
            let mut parts: Vec<_> = users
                .into_iter()
                .filter(|(_, users)| !users.is_empty())
                .map(|(what, users)| format!("{what}: {}", names(users)))
                .collect();
            if parts.is_empty() {
                let devices = [("new device", devices_added), ("device removed", devices_removed)];
                parts.extend(devices.into_iter().flat_map(|(what, devices)| {
                    devices.iter().map(move |device| format!("{what}: {}", id(device)))
                }));
            }
            format!("#{seq} {} (committed by {})", parts.join("; "), first(&by.user))
        }
        Event::Left { seq, .. } => format!("#{seq} is out of the room"),
        Event::DeviceDue { device, code, .. } => format!("{}: {}", id(device), code.text()),
        Event::DevicesEndorsed { devices, .. } => {
            let vouched: Vec<_> = devices.iter().filter_map(|(user, how)| endorsed(user, how)).collect();
            (!vouched.is_empty()).then(|| vouched.join("; "))?
        }
        Event::CertificateEnds { until } => format!("its certificate ends at {}", clock(*until)),
        Event::NotServed { code } => format!("is not served any more: {}", code.text()),
        Event::TrustListChanged { version, by } => {
            format!("trust list {version}, signed by {}", by.join(" and "))
        }
        Event::AgencyChanged { agency, change, .. } => {
            format!("{agency}: {}", format!("{change:?}").to_lowercase())
        }
        Event::NotFetched { code, blame, .. } => format!("could not fetch it: {} ({blame:?})", code.text()),
        Event::Failed { code, .. } => format!("could not: {}", code.text()),
        // What the phone has asked for itself, and others tell.
        Event::Enrolled | Event::Done { .. } | Event::Sent { .. } | Event::Fetched { .. } => {
            return None;
        }
        Event::History { file, .. } => format!("has the history, {} bytes", file.size),
        other => format!("{other:?}"),
    })
}

/// By whose word a device speaks; nothing about first devices, which are there by the agency's alone.
fn endorsed(user: &UserId, how: &Endorsement) -> Option<String> {
    let Endorser::Device(by) = how.by else { return None };
    let [device, by] = [how.device, by].map(|id| Device { user: user.clone(), id });
    let by = id(&by).rsplit('/').next().map(str::to_owned)?;
    let until = how.until.map(|until| format!(", until {}", clock(until)));
    Some(format!(
        "{} speaks for {} by the word of {by}{}",
        id(&device),
        first(user),
        until.unwrap_or_default()
    ))
}

fn clock(at: Timestamp) -> String {
    let minutes = at.as_millis() / 60_000;
    format!("{:02}:{:02} UTC", minutes / 60 % 24, minutes % 60)
}

fn names(users: &[UserId]) -> String {
    users.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What somebody said; a file is a file, whatever it is called.
pub fn in_words(content: &Content) -> String {
    match content {
        Content::Attachment(_) => "shares a file".to_owned(),
        other => said(other),
    }
}

fn said(content: &Content) -> String {
    match content {
        Content::Text(text) => {
            format!("\"{}\"{}", text.body(), if text.answers().is_some() { " (a reply)" } else { "" })
        }
        Content::Reaction(reaction) => format!("reacts with {}", reaction.symbol()),
        Content::Attachment(attachment) => {
            format!("shares {} ({} bytes)", attachment.name().unwrap_or("a file"), attachment.file().size)
        }
        Content::Edit(edit) => format!("edits {}: {:?}", edit.target(), edit.change()),
        Content::Delete(delete) => format!("deletes {}", delete.target()),
        Content::Receipts(receipts) => {
            format!("{:?}: {} messages", receipts.kind(), receipts.targets().len())
        }
        Content::Location(_) => "is at a place".to_owned(),
        _ => "something newer".to_owned(),
    }
}
