"use strict";
setInterval(async () => {
  const answer = await fetch("/status.json", { cache: "no-store" });
  document.getElementById("status").textContent = JSON.stringify(await answer.json(), null, 2);
}, 1000);
