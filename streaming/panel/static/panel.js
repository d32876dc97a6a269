// What pages do beyond being read: tips over bubbles and columns, suggestions, and news of newer numbers.
"use strict";

const tip = document.getElementById("dica");

function tell(event) {
  const shape = event.target.closest("[data-t]");
  tip.hidden = !shape;
  if (!shape) return;
  tip.replaceChildren(Object.assign(document.createElement("strong"), { textContent: shape.dataset.p }));
  tip.append(document.createElement("br"), shape.dataset.t);
  const { innerWidth: width, innerHeight: height } = window;
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, width - tip.offsetWidth - 8))}px`;
  tip.style.top = `${Math.max(4, Math.min(event.clientY + 14, height - tip.offsetHeight - 8))}px`;
}
for (const drawing of document.querySelectorAll("main svg")) {
  drawing.addEventListener("pointermove", tell);
  drawing.addEventListener("pointerleave", () => (tip.hidden = true));
}

document.getElementById("mapa")?.addEventListener("click", (event) => {
  const place = event.target.dataset.p;
  if (!place) return;
  const slash = place.lastIndexOf("/");
  const parts = [place.slice(0, slash), place.slice(slash + 1)].map(encodeURIComponent);
  window.location = `/municipio/${parts.join("/")}`;
});

// A choice made with the mouse or a finger counts at once; with the keyboard, the button does it.
for (const form of document.querySelectorAll("form.choices")) {
  let pointed = false;
  form.addEventListener("pointerdown", () => (pointed = true));
  form.addEventListener("keydown", () => (pointed = false));
  form.addEventListener("change", () => pointed && form.requestSubmit());
}
// Addresses stay short: what is not chosen is not in them.
for (const form of document.querySelectorAll("form.choices")) {
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
  });
}

const search = document.getElementById("busca");
let asked = 0;
search.addEventListener("input", async () => {
  const turn = ++asked;
  const answer = await fetch(`/busca.json?q=${encodeURIComponent(search.value)}`).catch(() => null);
  if (!answer?.ok || turn !== asked) return;
  const options = (await answer.json()).map((place) => new Option("", place));
  document.getElementById("sugestoes").replaceChildren(...options);
});

const { version, away } = document.body.dataset;
setInterval(async () => {
  if (document.hidden) return;
  const answer = await fetch("/estado.json").catch(() => null);
  if (!answer?.ok) return;
  const now = await answer.json();
  if (String(now.away) !== away || (version === "" && now.version !== null)) window.location.reload();
  else if (version !== "" && String(now.version) !== version) document.getElementById("novidade").hidden = false;
}, 3000);
if (document.querySelector("[data-reload]")) setTimeout(() => window.location.reload(), 2000);
