"use strict";
/* Progress that is asked for each second, and a slider over the points of the dial.
   Without this script the page asks again by itself, and the points are radio buttons. */
const work = document.getElementById("work");
const put = (id, text) => {
  const place = document.getElementById(id);
  if (place && place.textContent !== text) place.textContent = text;
};

async function follow() {
  let told;
  try {
    const answer = await fetch("progress", { cache: "no-store" });
    if (!answer.ok) return;
    told = await answer.json();
  } catch {
    put("stage", "the studio does not answer; is it still running?");
    window.setTimeout(follow, 3000);
    return;
  }
  if (!told.working) {
    window.location.replace("./");
    return;
  }
  const bar = document.getElementById("bar");
  if (bar && told.stage) {
    bar.value = told.part;
    const before = document.getElementById("stage").textContent;
    if (before !== "stopping") {
      if (before !== told.stage) put("spoken", told.stage);
      put("stage", told.stage);
    }
    put("left", told.left || "estimating");
    if (told.spent) put("spent", told.spent);
  }
  window.setTimeout(follow, 1000);
}
if (work) follow();

const slide = document.getElementById("slide");
if (slide) {
  const slider = document.getElementById("slider");
  const points = [...document.querySelectorAll("input[data-point]")];
  const show = (point) => {
    for (const mark of document.querySelectorAll("circle.now")) mark.classList.remove("now");
    const mark = document.getElementById(`mark-${point.value}`);
    if (mark) mark.classList.add("now");
    slider.setAttribute("aria-valuetext", point.parentElement.textContent.trim());
  };
  const move = () => {
    const point = points[Number(slider.value)];
    point.checked = true;
    show(point);
  };
  slider.max = String(points.length - 1);
  slide.hidden = points.length < 2;
  slider.addEventListener("input", move);
  points.forEach((point, place) =>
    point.addEventListener("change", () => {
      slider.value = String(place);
      show(point);
    }),
  );
  const first = points.findIndex((point) => point.checked);
  if (first >= 0) {
    slider.value = String(first);
    show(points[first]);
  }
}
const trouble = document.getElementById("trouble");
if (trouble) trouble.focus();
