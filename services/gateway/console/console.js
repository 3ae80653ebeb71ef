// A first look at the graph: funnel, race and live leads of the token's brand, and a query box.

const $ = (id) => document.getElementById(id);
let socket;

async function run(query, variables = {}) {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/graphql-response+json",
      authorization: `Bearer ${$("token").value.trim()}`,
    },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}

function fill(table, rows) {
  const body = $(table).tBodies[0];
  body.replaceChildren(...rows.map(row));
}

function row(cells) {
  const line = document.createElement("tr");
  for (const cell of cells) {
    line.insertCell().textContent = cell ?? "–"; // text, never markup
  }
  return line;
}

const FIGURES = `query Figures($period: String!) {
  funnel {
    content { posts views }
    leads { captured qualified offered accepted declined expired pooled voided deals amountMinor }
  }
  race(period: $period, first: 10) { rank points acceptedLeads deals store { name } }
}`;

async function showFigures() {
  const { data, errors } = await run(FIGURES, { period: new Date().toISOString().slice(0, 7) });
  if (errors) $("state").textContent = errors[0].message;
  const figures = { ...data?.funnel?.content, ...data?.funnel?.leads };
  fill("funnel", Object.entries(figures));
  fill("race", (data?.race ?? []).map((standing) => [
    standing.rank, standing.store?.name, standing.points, standing.acceptedLeads, standing.deals,
  ]));
}

const LEADS = `subscription {
  leads { type occurredAt lead { grade } unit { name } staff { name } }
}`;

function follow() {
  socket?.close();
  const address = new URL("/graphql", location.href.replace(/^http/, "ws"));
  const mine = (socket = new WebSocket(address, "graphql-transport-ws"));
  const send = (message) => mine.send(JSON.stringify(message));
  mine.onopen = () => send({
    type: "connection_init",
    payload: { authorization: `Bearer ${$("token").value.trim()}` },
  });
  mine.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "connection_ack") {
      $("state").textContent = "live";
      send({ id: "leads", type: "subscribe", payload: { query: LEADS } });
    } else if (message.type === "ping") {
      send({ type: "pong" });
    } else if (message.type === "next" && message.payload.data) {
      showLead(message.payload.data.leads);
    }
  };
  mine.onclose = ({ reason }) => {
    if (mine === socket) $("state").textContent = reason || "not connected";
  };
}

let waiting;
function showLead(change) {
  const body = $("leads").tBodies[0];
  body.prepend(row([
    new Date(change.occurredAt).toLocaleTimeString(),
    change.type.split(".")[2],
    change.lead?.grade,
    change.unit?.name,
    change.staff?.name,
  ]));
  while (body.rows.length > 30) body.deleteRow(-1);
  clearTimeout(waiting);
  waiting = setTimeout(showFigures, 1000);
}

$("connect").onclick = () => {
  showFigures();
  follow();
};

$("run").onclick = async () => {
  let variables;
  try {
    variables = JSON.parse($("variables").value || "{}");
  } catch (error) {
    $("answer").textContent = `variables: ${error.message}`;
    return;
  }
  $("answer").textContent = JSON.stringify(await run($("query").value, variables), null, 2);
};
