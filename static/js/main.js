// Connects the parts: the address says the place, the feed fills the store, the views show it.
import { io } from "../vendor/socket.io.esm.min.js";
import { Api } from "./api.js";
import { $ } from "./dom.js";
import { Feed } from "./feed.js";
import { Follow } from "./follow.js";
import { readMoment, readPlace, writePlace } from "./place.js";
import { recall, remember } from "./remember.js";
import { Rewinder } from "./rewinder.js";
import { SILENT_MS } from "./status.js";
import { Store, TOP } from "./store.js";
import { Toolbox } from "./toolbox.js";
import { accountView } from "./views/account.js";
import { boardView } from "./views/board.js";
import { dockView } from "./views/dock.js";
import { findView } from "./views/find.js";
import { headerView } from "./views/header.js";
import { newsView } from "./views/news.js";
import { plateView } from "./views/plate.js";
import { quietView } from "./views/quiet.js";
import { raceView } from "./views/race.js";
import { rateView } from "./views/rate.js";
import { sheetView } from "./views/sheet.js";
import { spreadView } from "./views/spread.js";
import { statusView } from "./views/status.js";
import { themeView } from "./views/theme.js";
import { toolboxView } from "./views/toolbox.js";

const FIRST_BOARD = "global-arena"; // the demo's; shown, empty, while there is no board at all
const DEAD_MS = 4 * SILENT_MS; // connected, but no word and no refusal: the connection is dead, whatever it says

const store = new Store();
const toolbox = new Toolbox();
const api = new Api(location.origin);
const rewinder = new Rewinder(store, api);
const feed = new Feed(io({ autoConnect: false, reconnection: false, transports: ["websocket", "polling"], tryAllTransports: true, timeout: 8000 }));

// Places -------------------------------------------------------------------------------------------------------------

let watched = "";
const problems = new Map();
let silenced = false; // the server has said that its store keeps it from beating

/** The board for who names none: the one chosen last time, else the demo's, else the largest. */
function firstBoard() {
  const known = new Set(store.boards.map((b) => b.board)), largest = [...store.boards].sort((a, b) => b.players - a.players)[0];
  return [recall("board"), FIRST_BOARD, largest?.board].find((board) => known.has(board)) ?? FIRST_BOARD;
}

/** A place that exists: a board, and its first period where none or an unknown one is named. */
function settled({ board, period, player }) {
  const at = board ?? firstBoard();
  const periods = store.boards.find((b) => b.board === at)?.periods;
  const known = periods ? periods.includes(period) : period;
  return { board: at, period: known ? period : periods && !periods.includes("all") ? periods[0] : "all", player };
}

function watch() {
  const { board, period } = store.place, here = `${board}:${period}`;
  if (here === watched) return;
  for (const kind of ["board", "analytics"]) feed.unwatch(`${kind}:${watched}`);
  watched = here;
  problems.clear();
  const problem = (kind) => (what) => { problems.set(kind, what); connect(); };
  const fine = (kind) => { if (problems.delete(kind)) connect(); };
  feed.watch(`board:${here}`, { limit: TOP }, {
    snapshot: (snapshot) => { fine("board"); store.snapshot(snapshot); connect({ ever: true }); },
    frame: (frame) => store.frame(frame),
    problem: problem("board"),
  });
  feed.watch(`analytics:${here}`, {}, {
    snapshot: (snapshot) => { fine("analytics"); seen(); store.measure(snapshot, true); },
    frame: (frame) => { store.measure(frame, false); },
    problem: problem("analytics"),
  });
}

function go(change, write = "pushState") {
  store.go({ ...change, ...settled({ ...store.place, ...change }) });
  history[write]({ view: store.view }, "", address());
  watch();
}

const address = () => writePlace(store.place, store.past?.stop.at_ms);
store.addEventListener("past", () => { // a link to the page shows what it shows
  if (store.place.board && address() !== location.search) history.replaceState(history.state, "", address());
});

const actions = {
  go(change) { if (change.board) remember("board", change.board); go(change); },
  choose(player) { remember("player", player); go({ player, view: store.past ? "top" : "around" }); },
  around() { if (!store.past) go({ view: "around" }); },
  live() { rewinder.live(); },
  top() { if (store.view === "around") go({ view: "top" }); },
  unfollow() { remember("player", null); go({ player: null, view: "top" }); },
  connect() { feed.connect(); },
  refresh() { feed.refresh(); },
  reload,
};

addEventListener("popstate", (event) => {
  const at_ms = readMoment(location.search);
  store.go({ ...settled(readPlace(location.search)), view: event.state?.view ?? "top" });
  watch();
  if (at_ms === null) rewinder.live();
  else rewinder.seek(at_ms);
});

// Connection ---------------------------------------------------------------------------------------------------------

function connect(change = {}) { store.connect({ ...change, problem: problems.get("board") ?? problems.get("analytics") ?? null }); }
function silence(notice) {
  if (notice.topic !== `analytics:${watched}`) return;
  silenced = true;
  problems.set("analytics", notice);
  connect();
}
function seen() { Object.assign(store.link, { frame_ms: Date.now(), frame_at: store.now_ms, leaving: null }); }

feed.addEventListener("sign", () => {
  seen();
  if (silenced) { silenced = false; feed.refresh(); } // it beats again: the answers end the problem
});
feed.addEventListener("up", () => { connect({ connected: true, frame_ms: Date.now(), leaving: null }); reload(); });
feed.addEventListener("down", ({ detail }) => { toolbox.lose(); connect({ connected: false, ...detail }); });
feed.addEventListener("waiting", ({ detail }) => connect(detail));
const notices = {
  "going-away": (notice) => connect({ leaving: notice }),
  "store-unavailable": silence,
  "session-ended": ({ detail }) => account.ended(detail),
  resubscribed: ({ topic, detail }) => toolbox.gap(topic, detail),
};
feed.addEventListener("notice", ({ detail }) => notices[detail.code]?.(detail));

setInterval(() => {
  store.tick();
  toolbox.tick(store.now_ms);
  if (store.state !== "stale") return;
  Date.now() - store.link.frame_ms > DEAD_MS ? feed.cycle() : feed.refresh();
}, 1000);
for (const [target, event] of [[document, "visibilitychange"], [window, "online"]])
  target.addEventListener(event, () => { if (!document.hidden && !feed.connected) feed.connect(); });

// Boards -------------------------------------------------------------------------------------------------------------

/** The list of boards anew; a place that its board does not have is corrected. */
async function reload() {
  try {
    store.setBoards(await api.boards());
  } catch {
    return; // the connection's state tells; the next "up" asks again
  }
  if (!store.place.board) return;
  const place = settled(store.place);
  if (place.board !== store.place.board || place.period !== store.place.period) go(place, "replaceState");
}
let unknown = "";
store.addEventListener("rows", () => { // somebody has just made the board we look at
  const { players, place, boards } = store;
  if (!players || boards.some((b) => b.board === place.board) || unknown === place.board) return;
  unknown = place.board;
  reload();
});

// Views --------------------------------------------------------------------------------------------------------------

const figures = JSON.parse($("figures").textContent);
const charts = [raceView(store, figures.race), rateView(store, figures.rate), spreadView(store, figures.spread)];
const { say } = statusView(store, actions);
const theme = themeView(() => charts.forEach((chart) => chart.recolour()));
const account = accountView(api, {
  restore({ theme: colours, board, player }) {
    if (colours) theme.choose(colours);
    if (board) actions.go({ board });
    if (player) actions.choose(player);
  },
  reconnect() { feed.cycle(); feed.connect(); },
}, say);
headerView(store, actions);
boardView(store, actions);
plateView(store);
newsView(store);
findView(store, api, actions);
quietView(store, say);
dockView(store, rewinder);
toolboxView(toolbox, sheetView(toolbox, api, { account: account.open }, say));
new Follow(store, api);
$("plotly").addEventListener("load", () => charts.forEach((chart) => chart.request()));

const asked = readPlace(location.search), asked_ms = readMoment(location.search);
asked.player ??= recall("player");
await reload();
go(asked, "replaceState");
if (asked_ms !== null) rewinder.seek(asked_ms);
toolbox.watch(feed);
feed.connect();
