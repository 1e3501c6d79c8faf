/** Share of the range of scores a bid is raised by at least: the value of C-BTM's code, then ten times finer. */
const raises = [1 / 50, 1 / 500] as const;
const leastRaise = 1e-6;
/** Bids a point may make on average before what is left goes where there is room. */
const bidsPerPoint = 200;

/**
 * Gives every cluster exactly as many points as it has room for, so that the sum of scores is within
 * rows · raise of the best possible: the auction of Bertsekas and Castañon, "The auction algorithm for the
 * transportation problem" (Annals of Operations Research 20, 1989). Points bid for a place in the cluster that is
 * worth most to them after its price, and raise the price by what the second best would leave them, plus a raise;
 * whoever bid least leaves a full cluster and bids again. The raise shrinks by stages, and prices are kept.
 *
 * @param scores one row a point, of as many values as `room`.
 * @param room places of each cluster; together as many as there are points.
 * @returns point → cluster.
 */
export function assignByAuction(scores: Float32Array, room: Int32Array): Int32Array {
  const clusters = room.length;
  const rows = scores.length / clusters;
  const assignment = new Int32Array(rows).fill(-1);
  if (clusters === 1) return assignment.fill(0);
  let [least, greatest] = [Infinity, -Infinity];
  for (const score of scores) {
    least = Math.min(least, score);
    greatest = Math.max(greatest, score);
  }
  const prices = new Float64Array(clusters);
  const waiting = new Int32Array(rows);
  for (const share of raises) {
    const raise = Math.max(leastRaise, (greatest - least) * share);
    const seats = Array.from(room, (places) => new Seats(places));
    assignment.fill(-1);
    for (let row = 0; row < rows; row++) waiting[row] = rows - 1 - row;
    let left = rows;
    for (let bids = rows * bidsPerPoint; left > 0 && bids > 0; bids--) {
      const row = waiting[--left]!;
      const start = row * clusters;
      let best = 0;
      let bestValue = -Infinity;
      let second = -Infinity;
      for (let cluster = 0; cluster < clusters; cluster++) {
        const value = scores[start + cluster]! - prices[cluster]!;
        if (value > bestValue) {
          second = bestValue;
          bestValue = value;
          best = cluster;
        } else if (value > second) second = value;
      }
      const evicted = seats[best]!.take(row, prices[best]! + bestValue - second + raise);
      assignment[row] = best;
      if (evicted >= 0) {
        assignment[evicted] = -1;
        waiting[left++] = evicted;
      }
      // Points already seated are content up to the raise only if the price of a place follows the least bid.
      if (seats[best]!.full) prices[best] = seats[best]!.leastBid;
    }
  }
  return fillRoom(scores, room, assignment);
}

/** Puts points without a cluster where they score best among the clusters with room. */
function fillRoom(scores: Float32Array, room: Int32Array, assignment: Int32Array): Int32Array {
  const free = Int32Array.from(room);
  for (const cluster of assignment) if (cluster >= 0) free[cluster]!--;
  for (const [row, cluster] of assignment.entries()) {
    if (cluster >= 0) continue;
    let best = -1;
    for (let other = 0; other < room.length; other++) {
      const start = row * room.length;
      if (free[other]! > 0 && (best < 0 || scores[start + other]! > scores[start + best]!)) best = other;
    }
    assignment[row] = best;
    free[best]!--;
  }
  return assignment;
}

/** Places of one cluster: a binary heap of bids with the least on top. */
class Seats {
  private readonly rows: Int32Array;
  private readonly bids: Float64Array;
  private taken = 0;

  constructor(private readonly places: number) {
    this.rows = new Int32Array(places + 1);
    this.bids = new Float64Array(places + 1);
  }

  get full(): boolean {
    return this.taken === this.places;
  }

  get leastBid(): number {
    return this.bids[0]!;
  }

  /** Seats a point; returns the one that has to leave for it, or −1. */
  take(row: number, bid: number): number {
    this.rise(this.taken++, row, bid);
    if (this.taken <= this.places) return -1;
    const evicted = this.rows[0]!;
    const last = --this.taken;
    this.sink(this.rows[last]!, this.bids[last]!);
    return evicted;
  }

  private rise(from: number, row: number, bid: number): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.bids[parent]! <= bid) break;
      this.rows[place] = this.rows[parent]!;
      this.bids[place] = this.bids[parent]!;
      place = parent;
    }
    this.rows[place] = row;
    this.bids[place] = bid;
  }

  private sink(row: number, bid: number): void {
    let place = 0;
    for (let child = 1; child < this.taken; child = 2 * place + 1) {
      if (child + 1 < this.taken && this.bids[child + 1]! < this.bids[child]!) child++;
      if (this.bids[child]! >= bid) break;
      this.rows[place] = this.rows[child]!;
      this.bids[place] = this.bids[child]!;
      place = child;
    }
    this.rows[place] = row;
    this.bids[place] = bid;
  }
}
