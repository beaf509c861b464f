// Keeps the board's page up to date, and asks the server to act.
// What comes is HTML that the server has escaped; no text is made HTML here.
"use strict";

const root = document.documentElement;
const live = document.getElementById("live");
const SECOND = 1000;
let ahead = 0; // seconds by which the server's clock is ahead of this one

root.classList.add("js");

// Times that grow.

function brief(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function progress(age, half, nine) {
  if (!Number.isFinite(half)) return brief(age);
  if (age < half) return `${brief(age)}, about ${brief(half - age)} left`;
  if (age < nine) return `${brief(age)}, 9 of 10 end by ${brief(nine)}`;
  return `${brief(age)}, longer than usual`;
}

function tick() {
  const now = Date.now() / SECOND + ahead;
  for (const one of document.querySelectorAll(".ticks")) {
    const since = Number(one.dataset.since);
    const half = one.dataset.half ? Number(one.dataset.half) - since : NaN;
    const nine = one.dataset.nine ? Number(one.dataset.nine) - since : NaN;
    const age = Math.max(0, now - since);
    const text = progress(age, half, nine);
    if (one.textContent !== text) one.textContent = text;
    const bar = one.closest("li").querySelector("progress");
    if (bar) bar.value = Math.min(age, bar.max);
  }
}

// Changes.

function made(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html.trim();
  return holder.content.firstElementChild;
}

const waiting = new Map(); // HTML of elements whose film is being played, by id

function put(id, html) {
  const old = document.getElementById(id);
  const playing = old && [...old.querySelectorAll("video, audio")].some((one) => !one.paused);
  if (playing) {
    waiting.set(id, html);
    return old;
  }
  waiting.delete(id);
  const fresh = made(html);
  if (old) {
    const at = old.contains(document.activeElement) ? document.activeElement : null;
    old.replaceWith(fresh);
    if (at && at.dataset.action) {
      const same = `button[data-action="${CSS.escape(at.dataset.action)}"]`;
      const next = fresh.querySelector(same);
      if (next) next.focus({ preventScroll: true });
    }
  }
  return fresh;
}

function change(data) {
  ahead = data.now - Date.now() / SECOND;
  const rows = new Map();
  for (const [id, html] of Object.entries(data.html)) rows.set(id, put(id, html));
  for (const [id, order] of Object.entries(data.lists)) {
    const list = document.getElementById(id);
    const kept = new Set(order);
    for (const one of [...list.children]) if (!kept.has(one.id)) one.remove();
    order.forEach((name, place) => {
      const row = document.getElementById(name) || rows.get(name);
      if (!row) return;
      if (list.children[place] !== row) list.insertBefore(row, list.children[place] || null);
    });
  }
  watch();
  tick();
}

document.addEventListener("pause", (event) => {
  const row = event.target.closest("li");
  if (row && waiting.has(row.id)) put(row.id, waiting.get(row.id));
}, true);

// Films load when they come near the window.

const near = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    entry.target.preload = "metadata";
    near.unobserve(entry.target);
  }
}, { rootMargin: "200px" });

function watch() {
  for (const one of document.querySelectorAll('video[preload="none"]')) near.observe(one);
}

// The stream. The browser connects again, and says what it has seen last.

function say(state, text) {
  live.dataset.state = state;
  live.textContent = text;
}

function listen() {
  const stream = new EventSource(`events?after=${encodeURIComponent(document.body.dataset.after)}`);
  stream.addEventListener("open", () => say("live", "live"));
  stream.addEventListener("change", (event) => change(JSON.parse(event.data)));
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) {
      // The board was started anew, with another address, or the machine slept: try seldom.
      say("lost", "not connected: is the board running?");
      setTimeout(listen, 5 * SECOND);
    } else {
      say("lost", "connecting again");
    }
  });
}

// Actions.

const TITLES = { cancel: "Cancel", resume: "Follow", retry: "Buy again" };
const ask = document.getElementById("ask");
let asked = null;

async function post(wanted) {
  const token = location.pathname.split("/")[1];
  const answer = await fetch("/actions", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Motionkit-Token": token },
    body: JSON.stringify(wanted),
  });
  const found = await answer.json();
  return answer.ok ? found : { state: "failed", text: found.error };
}

function show(action, key, found) {
  const yes = document.getElementById("ask-yes");
  const no = document.getElementById("ask-no");
  document.getElementById("ask-title").textContent = `${TITLES[action]} ${key}`;
  document.getElementById("ask-text").textContent = found.text || "One moment …";
  asked = found.state === "asking" ? { action, key, click: found.click, quote: found.quote } : null;
  yes.hidden = asked === null;
  yes.disabled = false;
  yes.textContent = action === "retry" ? `Buy for ${found.quote}` : "Cancel the job";
  no.textContent = asked === null ? "Close" : "Leave it";
  if (!ask.open) ask.showModal();
  if (asked === null) no.focus();
}

async function act(action, key, wanted) {
  show(action, key, { state: "working", text: "" });
  try {
    show(action, key, await post(wanted));
  } catch {
    show(action, key, { state: "failed", text: "The board did not answer. Look below at what became of it before you try again." });
  }
}

function clickName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
}

if (ask) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-action]");
    if (!button) return;
    const { action, key } = button.dataset;
    act(action, key, { click: clickName(), action, key });
  });
  document.getElementById("ask-no").addEventListener("click", () => ask.close());
  document.getElementById("ask-yes").addEventListener("click", (event) => {
    if (asked === null) return;
    event.target.disabled = true;
    const { action, key, click, quote } = asked;
    act(action, key, { click, quote });
  });
}

ahead = Number(document.body.dataset.now) - Date.now() / SECOND;
watch();
tick();
setInterval(tick, SECOND);
listen();
