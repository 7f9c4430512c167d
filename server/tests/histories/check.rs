//! What must be true of a history once all devices are back.

use std::collections::{BTreeMap, BTreeSet};

use cloister::xml::Element;

use crate::ACCOUNTS;
use crate::device::{Device, Sent};

/// An archive: ids and keys, the oldest first.
type Archive = Vec<(String, String)>;

/// Everything that is wrong.
pub async fn history(devices: &mut [Device]) -> Vec<String> {
    for device in devices.iter_mut() {
        device.come_back().await;
    }
    let mut problems = everything_has_come(devices).await;
    let read = archives(devices).await;
    problems.extend(devices.iter_mut().flat_map(|device| std::mem::take(&mut device.problems)));
    let archives = match read {
        Ok(archives) => archives,
        Err(error) => {
            return [problems, vec![format!("an archive cannot be read: {error}")]].concat();
        }
    };
    for device in devices.iter() {
        problems.extend(once_in_each_archive(device, &archives));
        problems.extend(in_the_order_of_the_archive(device, &archives[device.account]));
        problems.extend(in_the_order_in_which_it_was_sent(device, &archives[device.account]));
        problems.extend(without_holes(device, &archives[device.account]));
    }
    problems.extend(nothing_else(devices, &archives));
    problems.extend(one_order(&archives));
    problems
}

/// Whatever is acknowledged has come to both devices of the recipient and the sender's other one.
async fn everything_has_come(devices: &mut [Device]) -> Vec<String> {
    let mut expected = vec![BTreeSet::new(); devices.len()];
    for sender in devices.iter() {
        for sent in sender.sent.iter().filter(|sent| sent.acknowledged) {
            for (device, expected) in devices.iter().zip(&mut expected) {
                let is_other = device.account == sender.account && device.device != sender.device;
                if device.account == sent.to || is_other {
                    expected.insert(sent.key.clone());
                }
            }
        }
    }
    let mut problems = Vec::new();
    for (device, expected) in devices.iter_mut().zip(&expected) {
        let missing = device.await_all(expected).await;
        if !missing.is_empty() {
            problems.push(format!("{} never gets {}", device.name, missing.join(" ")));
        }
    }
    problems
}

/// The archives as one device reads them forwards; the other one must find the same backwards, and
/// behind any message.
async fn archives(devices: &mut [Device]) -> std::io::Result<Vec<Archive>> {
    let mut archives = Vec::new();
    for account in 0..ACCOUNTS {
        let own = |device: &&mut Device| device.account == account;
        let mut own: Vec<_> = devices.iter_mut().filter(own).collect();
        let max = 1 + own[0].dice.index(30);
        let forwards = keys(own[0].client.archive(max).await?);
        let backwards = keys(own[1].client.archive_backwards(max).await?);
        if forwards != backwards {
            let problem = format!("forwards {forwards:?} and backwards {backwards:?}");
            own[1].problems.push(problem);
        }
        if !forwards.is_empty() {
            let at = own[1].dice.index(forwards.len());
            let after = own[1].client.archive_after(Some(&forwards[at].0), max).await?;
            if keys(after) != forwards[at + 1..] {
                let problem = format!("not all of {forwards:?} is found behind {}", forwards[at].0);
                own[1].problems.push(problem);
            }
        }
        archives.push(forwards);
    }
    Ok(archives)
}

fn keys(items: Vec<(String, Element)>) -> Archive {
    let key = |message: &Element| message.attr("id").unwrap_or_default().to_owned();
    items.into_iter().map(|(id, message)| (id, key(&message))).collect()
}

/// An acknowledged message is in both archives, one that was written once not more than once, and
/// under the same ids in both.
fn once_in_each_archive(device: &Device, archives: &[Archive]) -> Vec<String> {
    let mut problems = Vec::new();
    for sent in &device.sent {
        let ids = |account: usize| {
            let of = archives[account].iter().filter(|(_, key)| *key == sent.key);
            of.map(|(id, _)| id.as_str()).collect::<Vec<_>>()
        };
        let (own, other) = (ids(device.account), ids(sent.to));
        if own != other {
            problems.push(format!("{} is {own:?} here and {other:?} there", sent.key));
        }
        let least = usize::from(sent.acknowledged);
        if !(least..=sent.attempts).contains(&own.len()) {
            let Sent { key, attempts, acknowledged, .. } = sent;
            problems.push(format!(
                "{key} (acknowledged: {acknowledged}, attempts: {attempts}) is in the archive {} \
                 times: {own:?}",
                own.len()
            ));
        }
    }
    problems
}

/// What a device saw first it saw in the order of its account's archive, and under that id.
fn in_the_order_of_the_archive(device: &Device, archive: &Archive) -> Vec<String> {
    let places: BTreeMap<_, _> = archive.iter().enumerate().map(|(at, item)| (item, at)).collect();
    let mut problems = Vec::new();
    let mut last = None;
    let own = format!("{}-", device.name);
    // Its own messages it sees only when it has to look for them.
    for item in device.seen.order.iter().filter(|(_, key)| !key.starts_with(&own)) {
        let place = places.get(item).copied();
        if place.is_none() {
            problems.push(format!("{} has {item:?}, which no archive has", device.name));
        } else if place < last {
            problems.push(format!("{} has {item:?} too late", device.name));
        }
        last = last.max(place);
    }
    problems
}

/// Acknowledged messages of a device that were written once are in the order of their writing.
fn in_the_order_in_which_it_was_sent(device: &Device, archive: &Archive) -> Vec<String> {
    let sure = |sent: &&Sent| sent.acknowledged && sent.attempts == 1;
    let place = |sent: &Sent| archive.iter().position(|(_, key)| *key == sent.key);
    let sent: Vec<_> = device.sent.iter().filter(sure).collect();
    let wrong = sent.windows(2).filter(|pair| place(pair[0]) > place(pair[1]));
    wrong.map(|pair| format!("{} lies before {}", pair[1].key, pair[0].key)).collect()
}

/// Every page was what lies behind its beginning, with nothing left out.
fn without_holes(device: &Device, archive: &Archive) -> Vec<String> {
    let mut problems = Vec::new();
    for (after, ids) in &device.seen.pages {
        let place = |id: &String| archive.iter().position(|(found, _)| found == id);
        let begin = after.as_ref().map_or(Some(0), |after| Some(place(after)? + 1));
        let found = begin.and_then(|begin| archive.get(begin..begin + ids.len()));
        let same = |found: &[(String, String)]| found.iter().map(|(id, _)| id).eq(ids);
        if !found.is_some_and(same) {
            problems.push(format!("{} was shown {ids:?} behind {after:?}: a hole", device.name));
        }
    }
    problems
}

/// An archive holds nothing but what was sent.
fn nothing_else(devices: &[Device], archives: &[Archive]) -> Vec<String> {
    let mut problems = Vec::new();
    for (account, archive) in archives.iter().enumerate() {
        for (id, key) in archive {
            let is_sent = devices.iter().any(|device| {
                let mine = |sent: &&Sent| sent.key == *key;
                let sent = device.sent.iter().find(mine);
                sent.is_some_and(|sent| device.account == account || sent.to == account)
            });
            if !is_sent {
                problems.push(format!("{id} {key:?} is in an archive, and nobody sent it there"));
            }
        }
    }
    problems
}

/// What two archives share they have in the same order.
fn one_order(archives: &[Archive]) -> Vec<String> {
    let mut problems = Vec::new();
    for (at, one) in archives.iter().enumerate() {
        for other in &archives[at + 1..] {
            let ids = |of: &Archive| of.iter().map(|(id, _)| id.clone()).collect::<BTreeSet<_>>();
            let (in_one, in_other) = (ids(one), ids(other));
            let shared = |of: &Archive| {
                let both = of.iter().filter(|(id, _)| in_one.contains(id) && in_other.contains(id));
                both.cloned().collect::<Vec<_>>()
            };
            if shared(one) != shared(other) {
                problems.push(format!("two orders: {:?} and {:?}", shared(one), shared(other)));
            }
        }
    }
    problems
}
