// What the pages can do more of with scripts: the keyboard, the place in the list, the strip of a
// video. Everything else works without this file.
"use strict";

const typing = (target) => target.closest("input, select, textarea, [contenteditable]") !== null;
const byId = (id) => document.getElementById(id);

// --- the list: a place of one's own, kept in the address so that going back finds it again ---
const tiles = () => Array.from(document.querySelectorAll("#grid .tile"));
const current = () => tiles().findIndex((tile) => tile.classList.contains("at"));

function stand(index) {
  const all = tiles();
  if (!all.length) return;
  const at = Math.max(0, Math.min(index, all.length - 1));
  all.forEach((tile, number) => tile.classList.toggle("at", number === at));
  all[at].querySelector(".tile-link").focus();
  all[at].scrollIntoView({ block: "nearest" });
}

function remember(link) {
  history.replaceState(history.state, "", `${location.pathname}${location.search}#${link.id}`);
}

function comeBack() {
  const link = location.hash && byId(location.hash.slice(1));
  const tile = link && link.closest(".tile");
  if (!tile) return;
  const all = tiles();
  if (all.includes(tile)) stand(all.indexOf(tile));
  tile.scrollIntoView({ block: "center" });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest(".tile-link");
  if (link) remember(link);
});

// --- the player and the pictures along its video ---
const player = byId("player");

function seek(seconds) {
  if (player) player.currentTime = Math.max(0, player.currentTime + seconds);
}

function showStrip() {
  const track = player && player.querySelector("track");
  if (!track) return;
  track.track.mode = "hidden";
  const place = byId("scrub"), canvas = byId("scrub-tile"), said = byId("scrub-time");
  const picture = new Image();
  const draw = () => {
    const at = player.currentTime;
    const cue = Array.from(track.track.cues || []).find((one) => one.startTime <= at && at < one.endTime);
    const found = cue && /^(.*)#xywh=(\d+),(\d+),(\d+),(\d+)$/.exec(cue.text.trim());
    if (!found) return;
    const [x, y, width, height] = found.slice(2).map(Number);
    if (!picture.src) { picture.onload = draw; picture.src = found[1]; }
    if (!picture.complete || !picture.naturalWidth) return;
    place.hidden = false;
    canvas.width = width; canvas.height = height;
    canvas.getContext("2d").drawImage(picture, x, y, width, height, 0, 0, width, height);
    said.textContent = `${at.toFixed(1)} s`;
  };
  player.addEventListener("seeking", draw);
  player.addEventListener("timeupdate", draw);
  track.addEventListener("load", () => { if (player.currentTime > 0) draw(); }); // sought before
}

// --- the keyboard ---
const press = (id) => { const found = byId(id); if (found) found.click(); return found !== null; };
const onItem = () => byId("back") !== null;
const go = (step) => (onItem() ? press(step > 0 ? "following" : "before") : stand(current() + step));

function decide(id, not) {
  const said = byId("said");
  if (press(id) || !said) return;
  said.textContent = onItem() ? `This item ${not}: see “Review”.` : "Open an item first: what nobody has looked at is not decided about.";
  said.hidden = false;
}

const KEYS = {
  "/": () => { const search = byId("q"); if (search) search.focus(); else location.href = "/items#q"; },
  j: () => go(1),
  k: () => (onItem() || current() >= 0 ? go(-1) : stand(0)),
  x: () => { const tile = tiles()[current()]; const box = tile && tile.querySelector("input"); if (box) box.click(); },
  " ": () => { if (player) { if (player.paused) player.play(); else player.pause(); } },
  "[": () => seek(-5),
  "]": () => seek(5),
  r: () => decide("release", "can't be released"),
  h: () => decide("hold", "can't be held back"),
  z: () => press("decided"),
  u: () => press("back"),
  "?": () => { const help = byId("keys"); if (help && !help.open) help.showModal(); },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && event.key === "r") return;
  if (document.querySelector("dialog[open]")) return;
  if (typing(event.target)) { if (event.key === "Escape") event.target.blur(); return; }
  if (event.key === " " && (!player || event.target.closest("button, a, summary, video"))) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

// --- htmx sends the token of the session with whatever it changes ---
document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = document.body.dataset.csrf || "";
});

showStrip();
comeBack();
window.addEventListener("pageshow", (event) => { if (event.persisted) comeBack(); });
