import { parentPort, workerData } from "node:worker_threads";

const order = new Int32Array(workerData as SharedArrayBuffer);
parentPort?.postMessage("ready");
Atomics.wait(order, 0, 0);
Atomics.wait(order, 1, 0, Atomics.load(order, 0) / 1_000);
process.kill(process.pid, "SIGKILL");
