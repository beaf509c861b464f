"use strict";

/* Plays the films of each request in step; keeps ratings. Asks no other machine for anything. */
(() => {
  /* Seconds by which a film may be off before its speed is changed, and until when. */
  const NUDGE_FROM = 0.02;
  const NUDGE_TO = 0.006;
  /* Seconds from which on all films stop and start again together. */
  const RESTART_FROM = 0.3;
  /* An error is worked off within about this time, with at most that share of the speed. */
  const WORK_OFF = 0.4;
  const MOST = 0.5;
  /* Milliseconds. */
  const STALLED_AFTER = 250;
  const BETWEEN_RESTARTS = 900;
  const READY_WITHIN = 8000;

  const NEAR = "800px";
  const SPEEDS = [0.1, 0.25, 0.5, 1, 1.5, 2];
  const DEFAULT_RATE = 30;

  const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const part = (id) => document.getElementById(id).content.cloneNode(true);

  function clock(seconds) {
    const minutes = Math.floor(seconds / 60);
    return `${minutes}:${(seconds - 60 * minutes).toFixed(2).padStart(5, "0")}`;
  }

  function setIcon(button, name) {
    button.querySelector("use").setAttribute("href", `#i-${name}`);
  }

  /* One film. The browser has its source only while it is near the screen: browsers play a few
     dozen films at most, and a page may have hundreds. */
  class Film {
    constructor(video, group) {
      this.video = video;
      this.group = group;
      this.label = video.dataset.label;
      this.source = video.getAttribute("src");
      this.rate = Number(video.dataset.rate) || 0;
      this.broken = false;
      this.near = false;
      this.asked = null;  // where it was last sent; null once it has played
      this.wanted = null;  // where it goes when that has been reached
      this.seeks = false;
      this.lateSince = 0;
      video.controls = false;
      video.muted = true;
      video.addEventListener("error", () => { if (video.hasAttribute("src")) this.fail(); });
      video.addEventListener("loadedmetadata", () => {
        this.go(group.position);
        group.show();
      });
      video.addEventListener("seeked", () => {
        this.seeks = false;
        const next = this.wanted;
        this.wanted = null;
        if (next !== null) this.go(next);
        group.drawSoon();
      });
      video.addEventListener("loadeddata", () => group.drawSoon());
    }

    get duration() {
      const known = this.video.duration;
      return Number.isFinite(known) && known > 0 ? known : Number(this.video.dataset.seconds) || 0;
    }

    get usable() {
      return !this.broken && this.video.readyState >= 1;
    }

    get ready() {
      const video = this.video;
      if (this.broken) return true;
      if (video.seeking || this.seeks || video.readyState < 2) return false;
      return video.readyState >= 3 || video.currentTime >= this.duration - 0.15;
    }

    /* Where it belongs when the group is at a time. */
    at(time) {
      return clamp(time, 0, Math.max(0, this.duration - 0.001));
    }

    load(preload) {
      const video = this.video;
      this.near = true;
      if (this.broken) return;
      if (!video.hasAttribute("src")) video.src = this.source;
      if (video.preload !== "auto") video.preload = preload;
    }

    unload() {
      this.near = false;
      if (this.broken || this.video.readyState === 0) return;
      this.asked = this.wanted = null;
      this.seeks = false;
      this.video.preload = "none";
      this.video.removeAttribute("src");
      this.video.load();
    }

    /* Shows the picture of a time; the last of several that come at once counts. */
    go(time) {
      const video = this.video;
      if (this.broken || video.readyState < 1) return;
      const place = this.at(time);
      if (this.seeks) {
        this.wanted = place === this.asked ? null : place;
      } else if (this.asked !== place) {
        this.asked = place;
        if (Math.abs(video.currentTime - place) < 0.0005) return;
        this.seeks = true;
        video.currentTime = place;
      }
    }

    play() {
      this.asked = null;
      this.lateSince = 0;
      return this.video.play();
    }

    speed(rate) {
      if (Math.abs(this.video.playbackRate - rate) > 0.005) this.video.playbackRate = rate;
    }

    fail() {
      this.broken = true;
      const screen = this.video.closest(".screen");
      const text = document.createElement("p");
      text.textContent = "This browser cannot play the file, or it is gone.";
      screen.classList.add("blank");
      screen.replaceChildren(text);
      this.group.show();
      this.group.refill();
    }
  }

  /* The films of one request, with one clock: that of a leader, which the others follow. */
  class Group {
    constructor(section) {
      this.section = section;
      this.playing = false;
      this.held = false;
      this.position = 0;
      this.rate = 1;
      this.loop = true;
      this.turn = 0;
      this.restarted = 0;
      this.speaker = null;
      this.wipe = null;
      this.films = [...section.querySelectorAll(".screen > video")].map((one) => new Film(one, this));
      section.group = this;
      if (this.films.length) this.build();
    }

    get duration() {
      return Math.max(0, ...this.films.map((film) => film.broken ? 0 : film.duration));
    }

    /* The film that gives the time: that whose sound is on, so that no speed of it is ever
       changed; else the longest. */
    get leader() {
      const films = this.films.filter((film) => film.usable);
      const speaker = films.find((film) => film === this.speaker);
      if (speaker && this.playing && speaker.video.currentTime < speaker.duration - 0.1) return speaker;
      return films.reduce((best, film) => (best && best.duration >= film.duration ? best : film), null);
    }

    /* Where the group is now. */
    get time() {
      const leader = this.playing && !this.held ? this.leader : null;
      if (!leader) return this.position;
      return leader.video.ended ? leader.duration : leader.video.currentTime;
    }

    get frame() {
      return 1 / Math.max(0, ...this.films.map((film) => film.rate)) || 1 / DEFAULT_RATE;
    }

    /* By how many seconds the films are apart that should be at the same place. */
    get spread() {
      const time = this.time;
      const active = this.films.filter((film) => film.usable && time < film.duration - 0.05);
      const places = active.map((film) => film.video.currentTime);
      return places.length ? Math.max(...places) - Math.min(...places) : 0;
    }

    play() {
      if (!this.films.length || this.playing) return;
      for (const other of groups) if (other !== this) other.pause();
      this.playing = true;
      this.restarted = 0;
      this.start(this.position >= this.duration - 0.02 ? 0 : this.position);
    }

    pause() {
      if (!this.playing) return;
      const time = this.time;
      this.playing = false;
      this.held = false;
      this.turn += 1;
      for (const film of this.films) {
        film.video.pause();
        film.speed(this.rate);
      }
      this.seek(time);
    }

    toggle() {
      if (this.playing) this.pause(); else this.play();
    }

    /* Brings all films to a time, waits until each can show it, and starts them together. */
    async start(time) {
      const turn = this.turn += 1;
      this.held = true;
      this.position = time;
      this.restarted = performance.now();
      for (const film of this.films) {
        film.load("auto");
        film.video.preload = "auto";
        film.video.pause();
        film.speed(this.rate);
        film.go(time);
      }
      this.show();
      const latest = performance.now() + READY_WITHIN;
      await pause(0);
      while (!this.films.every((film) => film.ready)) {
        if (turn !== this.turn) return;
        if (performance.now() > latest && this.films.some((film) => film.usable && film.ready)) break;
        for (const film of this.films) film.go(time);
        await pause(10);
      }
      if (turn !== this.turn) return;
      const starts = this.films.filter((film) => film.usable && film.ready && time < film.duration - 0.05);
      const begun = await Promise.all(starts.map((film) => this.begin(film)));
      if (turn !== this.turn) return;
      this.held = false;
      if (starts.length && !begun.some(Boolean)) {
        this.pause();
        return;
      }
      this.show();
      requestAnimationFrame(() => this.tick(turn));
    }

    begin(film) {
      return film.play().then(() => true, (error) => {
        if (error.name !== "NotAllowedError" || film.video.muted) return false;
        this.speak(null);  // the browser wants a click before there is sound
        return film.play().then(() => true, () => false);
      });
    }

    /* Compares the films with the clock, at each picture that the browser draws. */
    tick(turn) {
      if (turn !== this.turn || !this.playing || this.held) return;
      const leader = this.leader;
      const time = this.time;
      if (!leader || time >= this.duration - 0.01 || leader.video.ended) {
        this.end();
        return;
      }
      this.position = time;
      if (this.mustRestart(leader, time)) {
        this.start(this.time);
        return;
      }
      for (const film of this.films) {
        if (film === leader || !film.usable || film.video.paused) continue;
        const off = film.video.currentTime - time;
        const nudged = film.video.playbackRate !== this.rate;
        if (Math.abs(off) > NUDGE_FROM || (nudged && Math.abs(off) > NUDGE_TO)) {
          film.speed(this.rate * (1 - clamp(off / WORK_OFF, -MOST, MOST)));
        } else if (nudged) {
          film.video.playbackRate = this.rate;
        }
      }
      leader.speed(this.rate);
      this.show();
      this.draw();
      requestAnimationFrame(() => this.tick(turn));
    }

    mustRestart(leader, time) {
      const now = performance.now();
      let must = false;
      for (const film of this.films) {
        if (film.broken || time >= film.duration - 0.3) continue;
        const off = Math.abs(film.video.currentTime - time);
        const late = !film.usable || film.video.paused || film.video.readyState < 3 || off > RESTART_FROM;
        film.lateSince = late ? film.lateSince || now : 0;
        must = must || (late && now - film.lateSince > STALLED_AFTER);
      }
      return must && now - this.restarted > BETWEEN_RESTARTS;
    }

    end() {
      if (this.loop && this.duration > 0.1) {
        this.start(0);
        return;
      }
      this.playing = false;
      this.turn += 1;
      for (const film of this.films) film.video.pause();
      this.seek(this.duration);
    }

    /* Goes to a time; while it plays, it goes on from there. */
    seek(time) {
      const place = clamp(time, 0, this.duration);
      if (this.playing) {
        this.start(place);
        return;
      }
      this.position = place;
      for (const film of this.films) film.go(place);
      this.show();
      this.drawSoon();
    }

    /* To the middle of a frame: at its edge, rounding would show the one before. */
    step(count) {
      this.pause();
      const frame = this.frame;
      const number = Math.floor(this.position / frame + 0.01) + count;
      this.seek(Math.max(0, (number + 0.5) * frame));
      this.say(`frame ${Math.max(0, number)}`);
    }

    setRate(rate) {
      this.rate = rate;
      for (const film of this.films) film.speed(rate);
      this.bar.querySelector("select").value = String(rate);
    }

    faster(by) {
      const place = SPEEDS.indexOf(this.rate);
      this.setRate(SPEEDS[clamp(place + by, 0, SPEEDS.length - 1)]);
      this.say(`speed ${this.rate}`);
    }

    setLoop(loop) {
      this.loop = loop;
      this.bar.querySelector("[data-do=loop]").setAttribute("aria-pressed", String(loop));
    }

    /* The sound of one film of the page at a time; null for none. */
    speak(film) {
      for (const group of groups) {
        for (const one of group.films) {
          const on = one === film;
          one.video.muted = !on;
          one.button.setAttribute("aria-pressed", String(on));
          setIcon(one.button, on ? "sound" : "mute");
          one.video.closest(".tile").classList.toggle("speaks", on);
        }
        group.speaker = film && film.group === group ? film : null;
      }
    }

    say(text) {
      this.bar.querySelector(".said").textContent = text;
    }

    build() {
      this.stage = this.section.querySelector(".stage");
      this.stage.append(part("transport"));
      this.bar = this.stage.querySelector(".transport");
      this.scrub = this.bar.querySelector(".scrub");
      this.output = this.bar.querySelector(".clock");
      const title = this.section.querySelector("h2").textContent.trim();
      this.bar.setAttribute("aria-label", `Play all films in step: ${title}`);
      this.films.forEach((film, number) => {
        const screen = film.video.closest(".screen");
        screen.append(part("sound"));
        film.button = screen.querySelector(".sound-of");
        film.button.setAttribute("aria-label", `Sound of ${film.label}`);
        film.button.title = number < 9 ? `Sound (${number + 1})` : "Sound";
        film.button.addEventListener("click", () => this.speak(this.speaker === film ? null : film));
        film.video.addEventListener("click", () => this.toggle());
      });
      const deeds = {
        play: () => this.toggle(),
        back: () => this.step(-1),
        forward: () => this.step(1),
        loop: () => this.setLoop(!this.loop),
        wipe: () => this.setWipe(!this.wipe),
        full: () => this.fullScreen(),
      };
      for (const button of this.bar.querySelectorAll("button")) {
        button.addEventListener("click", deeds[button.dataset.do]);
      }
      this.bar.querySelector("select").addEventListener("change", (event) => this.setRate(Number(event.target.value)));
      let resumes = false;
      this.scrub.addEventListener("input", () => {
        if (this.playing) {
          resumes = true;
          this.pause();
        }
        this.seek(Number(this.scrub.value));
      });
      this.scrub.addEventListener("change", () => {
        if (resumes) this.play();
        resumes = false;
      });
      if (!this.stage.requestFullscreen) this.bar.querySelector("[data-do=full]").hidden = true;
      if (this.films.length < 2) this.bar.querySelector("[data-do=wipe]").hidden = true;
      this.show();
    }

    fullScreen() {
      if (document.fullscreenElement) document.exitFullscreen();
      else if (this.stage.requestFullscreen) this.stage.requestFullscreen().catch(() => this.say("no full screen here"));
    }

    show() {
      if (!this.bar) return;
      const time = this.time;
      const duration = this.duration;
      if (Number(this.scrub.max) !== duration) this.scrub.max = String(duration || 1);
      this.scrub.value = String(time);
      const text = `${clock(time)} / ${clock(duration)}`;
      if (this.output.textContent !== text) this.output.textContent = text;
      const spoken = `${time.toFixed(1)} of ${duration.toFixed(1)} seconds`;
      if (this.scrub.getAttribute("aria-valuetext") !== spoken) this.scrub.setAttribute("aria-valuetext", spoken);
      if (this.shown !== this.playing) {
        this.shown = this.playing;
        const button = this.bar.querySelector("[data-do=play]");
        setIcon(button, this.playing ? "pause" : "play");
        button.setAttribute("aria-label", this.playing ? "Pause" : "Play");
      }
    }

    /* The wipe. */

    setWipe(on) {
      const button = this.bar.querySelector("[data-do=wipe]");
      if (this.films.length < 2) return;
      button.setAttribute("aria-pressed", String(on));
      if (!on) {
        if (this.wipe) this.wipe.remove();
        this.wipe = null;
      } else {
        this.wipe = new Wipe(this);
        for (const film of this.films) film.load("auto");
      }
      this.mark();
    }

    mark() {
      for (const film of this.films) {
        const picked = Boolean(this.wipe) && (this.wipe.a === film || this.wipe.b === film);
        film.video.closest(".tile")?.classList.toggle("picked", picked);
      }
    }

    refill() {
      if (this.wipe) this.setWipe(false);
    }

    draw() {
      if (this.wipe) this.wipe.draw();
    }

    /* After a seek the browser shows the new picture a little later. */
    drawSoon() {
      if (!this.wipe) return;
      this.draw();
      requestAnimationFrame(() => requestAnimationFrame(() => this.draw()));
      for (const film of this.films) {
        if (film.video.requestVideoFrameCallback) film.video.requestVideoFrameCallback(() => this.draw());
      }
    }
  }

  /* Two films over each other, drawn from those that play: always in step with them. */
  class Wipe {
    constructor(group) {
      this.group = group;
      this.place = 50;
      const results = group.films.filter((film) => film.video.closest(".result"));
      const choice = results.length >= 2 ? results : group.films;
      [this.a, this.b] = choice;
      group.stage.prepend(part("wipe"));
      this.box = group.stage.querySelector(".wipe");
      this.canvas = this.box.querySelector("canvas");
      this.screen = this.box.querySelector(".screen");
      this.slider = this.box.querySelector("input[type=range]");
      this.difference = this.box.querySelector("[data-do=difference]");
      for (const select of this.box.querySelectorAll("select")) {
        const side = select.dataset.side;
        group.films.forEach((film, number) => {
          const option = document.createElement("option");
          option.value = String(number);
          option.textContent = `${number + 1}. ${film.label}`;
          option.selected = film === this[side];
          select.append(option);
        });
        select.addEventListener("change", () => {
          this[side] = group.films[Number(select.value)];
          group.mark();
          this.name();
          this.draw();
        });
      }
      this.slider.addEventListener("input", () => this.move(Number(this.slider.value)));
      this.difference.addEventListener("change", () => {
        this.slider.disabled = this.difference.checked;
        this.draw();
      });
      const drag = (event) => {
        const box = this.screen.getBoundingClientRect();
        this.move(100 * (event.clientX - box.left) / box.width);
      };
      this.screen.addEventListener("pointerdown", (event) => {
        this.screen.setPointerCapture(event.pointerId);
        drag(event);
      });
      this.screen.addEventListener("pointermove", (event) => { if (event.buttons) drag(event); });
      this.observer = new ResizeObserver(() => this.draw());
      this.observer.observe(this.screen);
      this.screen.style.setProperty("--wide", String(this.ratio));
      this.screen.style.aspectRatio = String(this.ratio);
      this.name();
      this.draw();
    }

    get ratio() {
      const video = [this.a, this.b].map((film) => film.video).find((one) => one.videoWidth);
      if (video) return video.videoWidth / video.videoHeight;
      const given = this.a.video;
      return given.width && given.height ? given.width / given.height : 9 / 16;
    }

    name() {
      this.canvas.setAttribute("aria-label", `Wipe: ${this.a.label} left, ${this.b.label} right`);
    }

    move(place) {
      this.place = clamp(Math.round(place), 0, 100);
      this.slider.value = String(this.place);
      this.slider.setAttribute("aria-valuetext", `${this.place} percent ${this.a.label}`);
      this.draw();
    }

    draw() {
      const scale = window.devicePixelRatio || 1;
      const width = Math.round(this.screen.clientWidth * scale);
      const height = Math.round(this.screen.clientHeight * scale);
      if (!width || !height) return;
      if (this.canvas.width !== width) this.canvas.width = width;
      if (this.canvas.height !== height) this.canvas.height = height;
      const brush = this.canvas.getContext("2d");
      const edge = this.difference.checked ? width : Math.round(width * this.place / 100);
      brush.globalCompositeOperation = "source-over";
      brush.clearRect(0, 0, width, height);
      this.paint(brush, this.a, 0, edge, width, height);
      if (this.difference.checked) {
        brush.globalCompositeOperation = "difference";
        this.paint(brush, this.b, 0, width, width, height);
        return;
      }
      this.paint(brush, this.b, edge, width, width, height);
      brush.fillStyle = "#fff";
      brush.fillRect(edge - scale, 0, 2 * scale, height);
      brush.beginPath();
      brush.arc(edge, height / 2, 11 * scale, 0, 2 * Math.PI);
      brush.fill();
      brush.strokeStyle = "#14171a";
      brush.lineWidth = 2 * scale;
      brush.beginPath();
      for (const side of [-1, 1]) {
        brush.moveTo(edge + side * 3 * scale, height / 2 - 4 * scale);
        brush.lineTo(edge + side * 7 * scale, height / 2);
        brush.lineTo(edge + side * 3 * scale, height / 2 + 4 * scale);
      }
      brush.stroke();
    }

    paint(brush, film, left, right, width, height) {
      const video = film.video;
      if (film.broken || video.readyState < 2 || !video.videoWidth || right <= left) return;
      const scale = Math.min(width / video.videoWidth, height / video.videoHeight);
      const across = video.videoWidth * scale;
      const down = video.videoHeight * scale;
      brush.save();
      brush.beginPath();
      brush.rect(left, 0, right - left, height);
      brush.clip();
      brush.drawImage(video, (width - across) / 2, (height - down) / 2, across, down);
      brush.restore();
    }

    remove() {
      this.observer.disconnect();
      this.box.remove();
    }
  }

  /* Ratings: in the browser's storage, which pages of files may share; a key names one job. */
  class Ratings {
    constructor() {
      this.place = "motionkit-ratings";
      this.held = {};
      this.safe = true;
      try {
        const found = JSON.parse(localStorage.getItem(this.place) || "{}");
        if (found && typeof found === "object") this.held = found;
      } catch {
        this.safe = false;
      }
      this.keys = new Set();
      for (const box of document.querySelectorAll(".rate")) this.build(box);
      for (const button of document.querySelectorAll("[data-export]")) {
        button.addEventListener("click", () => this.save(button.dataset.export));
      }
      this.count();
    }

    build(box) {
      const key = box.dataset.key;
      const given = this.held[key] || {};
      this.keys.add(key);
      box.append(part("rating"));
      box.hidden = false;
      const tile = box.closest(".tile");
      const target = tile ? tile.querySelector("h3").textContent.trim() : key;
      box.querySelector("legend").textContent = `Rating of ${target}`;
      const note = box.querySelector(".note-of");
      note.setAttribute("aria-label", `Note on ${target}`);
      note.value = given.note ?? box.dataset.note ?? "";
      const radios = [...box.querySelectorAll("input[type=radio]")];
      const clear = box.querySelector("[data-do=clear]");
      const paint = (stars) => {
        radios.forEach((one) => one.parentElement.classList.toggle("on", Number(one.value) <= stars));
        clear.hidden = !stars;
      };
      const stars = () => Number(radios.find((one) => one.checked)?.value || 0);
      for (const one of radios) {
        one.name = `stars-${key}`;
        one.checked = Number(one.value) === Number(given.stars || box.dataset.stars || 0);
        one.addEventListener("change", () => { paint(stars()); this.set(key, stars(), note.value); });
      }
      note.addEventListener("change", () => { if (stars()) this.set(key, stars(), note.value); });
      clear.setAttribute("aria-label", `Clear the rating of ${target}`);
      clear.addEventListener("click", () => {
        radios.forEach((one) => { one.checked = false; });
        note.value = "";
        paint(0);
        this.set(key, 0, "");
      });
      paint(stars());
    }

    set(key, stars, note) {
      if (stars) this.held[key] = { stars, note, rated_at: new Date().toISOString() };
      else delete this.held[key];
      try {
        localStorage.setItem(this.place, JSON.stringify(this.held));
      } catch {
        this.safe = false;
      }
      this.count();
    }

    get rows() {
      return [...this.keys].filter((key) => this.held[key]).map((key) => {
        const { stars, note, rated_at } = this.held[key];
        return { key, stars, note, rated_at };
      });
    }

    count() {
      const count = this.rows.length;
      const text = count ? `${count} rated here` : "";
      const where = this.safe ? "" : " (this browser keeps none: export them before you close the page)";
      document.getElementById("rated").textContent = text && text + where;
      for (const button of document.querySelectorAll("[data-export]")) button.disabled = !count;
    }

    save(form) {
      const names = ["key", "stars", "note", "rated_at"];
      /* As in every CSV of motionkit, no cell begins like a formula; the import undoes it. */
      const safe = (text) => text.replace(/([;\t\r\n])(?=[=+\-@\uff1d\uff0b\uff0d\uff20])/g, "$1'").replace(/^(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])/, "'");
      const cell = (value) => `"${safe(String(value)).replaceAll('"', '""')}"`;
      const text = form === "json"
        ? `${JSON.stringify(this.rows, null, 2)}\n`
        : [names.join(","), ...this.rows.map((row) => names.map((name) => cell(row[name])).join(","))].join("\r\n") + "\r\n";
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: form === "json" ? "application/json" : "text/csv" }));
      link.download = `ratings.${form}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    }
  }

  /* Keys. */

  let groups = [];
  let used = null;

  function current() {
    const focused = document.activeElement?.closest(".request")?.group;
    if (focused?.films.length) return focused;
    if (used && !used.section.hidden && onScreen(used.section)) return used;
    return groups.find((group) => group.films.length && !group.section.hidden && onScreen(group.section)) || null;
  }

  function onScreen(section) {
    const box = section.getBoundingClientRect();
    return box.bottom > 80 && box.top < window.innerHeight - 80;
  }

  function neighbour(by) {
    const shown = groups.filter((group) => !group.section.hidden);
    const place = shown.indexOf(current());
    const next = shown[clamp(place + by, 0, shown.length - 1)];
    if (!next) return;
    used = next;
    next.section.scrollIntoView({ block: "start" });
    next.section.querySelector("h2 a").focus({ preventScroll: true });
  }

  function help(open) {
    const button = document.getElementById("keys");
    const box = document.getElementById("help");
    const shown = open ?? !box.classList.contains("open");
    box.classList.toggle("open", shown);
    button.setAttribute("aria-expanded", String(shown));
    if (shown) box.scrollIntoView({ block: "center" });
  }

  const KEYS = {
    " ": (group) => group.toggle(),
    ",": (group) => group.step(-1),
    ".": (group) => group.step(1),
    "ArrowLeft": (group) => group.seek(group.time - 1),
    "ArrowRight": (group) => group.seek(group.time + 1),
    "Home": (group) => group.seek(0),
    "End": (group) => { group.pause(); group.seek(group.duration); },
    "<": (group) => group.faster(-1),
    ">": (group) => group.faster(1),
    "l": (group) => group.setLoop(!group.loop),
    "w": (group) => group.setWipe(!group.wipe),
    "[": (group) => group.wipe?.move(group.wipe.place - 5),
    "]": (group) => group.wipe?.move(group.wipe.place + 5),
    "f": (group) => group.fullScreen(),
  };

  function onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    const target = event.target;
    const writes = target.matches("input:not([type=checkbox]):not([type=radio]), select, textarea");
    const range = target.matches("input[type=range]");
    if (event.key === "Escape" && target.matches("input")) target.blur();
    if ((writes && !range) || !document.getElementById("shortcuts").checked) return;
    const own = ["ArrowLeft", "ArrowRight", "Home", "End"];
    if ((range || target.matches("input[type=radio]")) && own.includes(event.key)) return;
    if (event.key === " " && target.matches("button, summary, a, input:not([type=range])")) return;
    if (event.key === "?") { help(); return; }
    if (event.key === "n" || event.key === "p") { neighbour(event.key === "n" ? 1 : -1); return; }
    const group = current();
    if (!group) return;
    const film = /^[1-9]$/.test(event.key) ? group.films[Number(event.key) - 1] : null;
    if (film) group.speak(group.speaker === film ? null : film);
    else if (Object.hasOwn(KEYS, event.key)) KEYS[event.key](group);
    else return;
    used = group;
    event.preventDefault();
  }

  /* Finding. */

  function find() {
    const words = document.getElementById("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const filmed = document.getElementById("with-films").checked;
    let shown = 0;
    for (const group of groups) {
      group.text ??= group.section.textContent.toLowerCase();
      const results = group.section.querySelector(".result:not(.without)");
      const hit = words.every((word) => group.text.includes(word)) && (!filmed || results);
      if (!hit) group.pause();
      group.section.hidden = !hit;
      shown += hit ? 1 : 0;
    }
    const all = shown === groups.length;
    document.getElementById("found").textContent = all ? "" : `${shown} of ${groups.length} requests`;
  }

  /* The start. */

  function main() {
    document.documentElement.classList.add("scripted");
    groups = [...document.querySelectorAll(".request")].map((section) => new Group(section));
    const observer = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const film = films.get(entry.target);
        if (entry.isIntersecting) film.load("metadata");
        else if (film.group.playing || film.group.wipe) film.near = false;
        else film.unload();
      }
    }, { rootMargin: NEAR });
    const films = new Map(groups.flatMap((group) => group.films).map((film) => [film.video.closest(".screen"), film]));
    for (const screen of films.keys()) observer.observe(screen);
    new Ratings();
    document.querySelector(".tools").hidden = false;
    document.getElementById("keys").addEventListener("click", () => help());
    document.getElementById("find").addEventListener("input", find);
    document.getElementById("with-films").addEventListener("change", find);
    document.addEventListener("keydown", onKey);
    document.addEventListener("pointerdown", (event) => {
      used = event.target.closest(".request")?.group || used;
    });
    document.addEventListener("visibilitychange", () => {
      for (const group of groups) if (!document.hidden && group.playing) group.start(group.time);
    });
  }

  main();
})();
