//! What the example prints.

use std::io::{IsTerminal, Write};

use verbund::{client::Event, content::Content, ids::Device};

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

/// A progress bar; where nobody watches, its last state alone.
pub fn bar(who: &str, done: u64, total: u64) {
    let filled = usize::try_from(done.saturating_mul(30) / total.max(1)).unwrap_or(30);
    let text =
        format!("  {who:<6} [{}{}] {done}/{total} chunks", "#".repeat(filled), ".".repeat(30 - filled));
    if std::io::stdout().is_terminal() {
        print!("\r{text}");
        let _ = std::io::stdout().flush();
    }
    if done == total {
        println!("{}{text}", if std::io::stdout().is_terminal() { "\r" } else { "" });
    }
}

/// What a phone shows of its new events.
pub fn events(phone: &Phone, from: usize) {
    for event in phone.events.iter().skip(from) {
        if let Some(text) = told(event) {
            line(format!("{:<14} {text}", name(&phone.device)));
        }
    }
}

/// `anna/9f3c`: enough for this story.
pub fn name(device: &Device) -> String {
    let text = device.to_string();
    let (user, id) = text.split_once('/').unwrap_or((&text, ""));
    let user = user.split('@').next().unwrap_or(user);
    format!("{user}/{}", id.get(..4).unwrap_or(id))
}

fn told(event: &Event) -> Option<String> {
    let users =
        |users: &[verbund::ids::UserId]| users.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Some(match event {
        Event::RoomCreated { name, .. } => format!("room \"{name}\" is there"),
        Event::Joined { name, by, .. } => {
            format!("joined \"{}\", invited by {}", name.as_deref().unwrap_or("?"), by.user)
        }
        Event::Message { seq, sender, content, .. } => format!("#{seq} {}: {}", sender.user, said(content)),
        Event::Sent { seq, .. } => format!("#{seq} own message stands in the log"),
        Event::MembersChanged { seq, joined, left, removed, devices_added, .. } => {
            let mut parts = Vec::new();
            if !joined.is_empty() {
                parts.push(format!("joined: {}", users(joined)));
            }
            if !left.is_empty() {
                parts.push(format!("left: {}", users(left)));
            }
            if !removed.is_empty() {
                parts.push(format!("removed: {}", users(removed)));
            }
            if parts.is_empty() {
                parts.push(format!("{} more devices", devices_added.len()));
            }
            format!("#{seq} {}", parts.join("; "))
        }
        Event::Left { seq, by, .. } => format!("#{seq} is out of the room (committed by {})", by.user),
        Event::Fetched { .. } => "has the whole file".to_owned(),
        Event::Failed { code, .. } => format!("could not: {}", code.text()),
        Event::Enrolled | Event::Done { .. } => return None,
        other => format!("{other:?}"),
    })
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
