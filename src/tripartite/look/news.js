// Tells htmx when an escrow's page should look again: at once when the server has news, every few
// seconds while the server can't tell. Without this script the page looks every half minute.
"use strict";
(() => {
  const CLOSED_FOR_GOOD = 1008; // the session is over: looking again leads to the sign-in page
  const LOOK = 5000; // milliseconds
  const LONGEST_PAUSE = 60000;
  const { escrow } = document.currentScript.dataset;
  const look = () => document.body.dispatchEvent(new Event("news"));
  let timer = null;
  let pause = LOOK;

  const listen = () => {
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/news`);
    socket.onopen = () => {
      clearInterval(timer);
      timer = null;
      pause = LOOK;
      look(); // what came between this page and the connection
    };
    socket.onmessage = (message) => {
      if (JSON.parse(message.data).escrow_id === escrow) look();
    };
    socket.onclose = (closed) => {
      timer ??= setInterval(look, LOOK);
      if (closed.code === CLOSED_FOR_GOOD) return;
      setTimeout(listen, pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    };
  };
  listen();
})();
