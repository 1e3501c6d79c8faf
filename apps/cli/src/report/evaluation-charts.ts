/** Charts of held-out figures. */
import type { CoveragePoint, Evaluation, Reliability } from "@expert-router/classifier";
import type { BarSeriesOption } from "echarts/charts";
import type { CustomSeriesRenderItemReturn } from "echarts";
import { axisStyle, chartFont, colours, drawChart, withLabels } from "./chart.js";
import { percent, shortened } from "./html-text.js";

/** Beyond this many labels a heat map is too fine to read. */
export const maxHeatMapLabels = 40;

/** Cells at or above this share of their row carry a number. */
const labelledShare = 0.03;

const shareAxis = {
  type: "value",
  min: 0,
  max: 1,
  ...axisStyle,
  axisLabel: { ...axisStyle.axisLabel, formatter: (value: number) => `${Math.round(value * 100)} %` },
} as const;

/** Precision and recall of every label, the best F1 on top. */
export function classChart(perClass: Evaluation["per_class"]): string {
  const rows = Object.entries(perClass)
    .filter(([, { n }]) => n > 0)
    .sort(([, a], [, b]) => a.f1 - b.f1);
  const bar = (
    name: string,
    color: string,
    value: (of: Evaluation["per_class"][string]) => number,
  ): BarSeriesOption => ({
    type: "bar",
    name,
    data: rows.map(([, of]) => value(of)),
    barMaxWidth: 9,
    barGap: "15%",
    itemStyle: { color, borderRadius: [0, 3, 3, 0] },
  });
  return drawChart(
    {
      legend: {
        top: 0,
        left: 0,
        itemGap: 20,
        itemWidth: 12,
        itemHeight: 8,
        textStyle: { color: colours.faint },
      },
      grid: { left: 8, right: 24, top: 34, bottom: 8, ...withLabels },
      xAxis: shareAxis,
      yAxis: {
        type: "category",
        data: rows.map(([label]) => shortened(label)),
        ...axisStyle,
        axisLabel: { color: colours.ink, fontSize: 12, interval: 0 },
      },
      series: [
        bar("precision", colours.second, (of) => of.precision),
        bar("recall", colours.accent, (of) => of.recall),
      ],
    },
    1_040,
    64 + rows.length * 30,
    "Precision and recall of every label",
  );
}

/** Where the prompts of each label went: rows are the truth, shades the share of the row. */
export function confusionChart(confusion: Evaluation["confusion"]): string {
  const labels = Object.keys(confusion).sort();
  const columns = [...new Set(Object.values(confusion).flatMap((row) => Object.keys(row)))].sort();
  const cells = labels.flatMap((truth, y) => {
    const row = confusion[truth]!;
    const n = Object.values(row).reduce((sum, count) => sum + count, 0);
    return columns.map((predicted, x) => ({
      x,
      y,
      right: truth === predicted,
      share: (row[predicted] ?? 0) / n,
    }));
  });
  const names = { ...axisStyle, axisLabel: { color: colours.ink, fontSize: 12, interval: 0 } };
  return drawChart(
    {
      grid: { left: 8, right: 16, top: 26, bottom: 8, ...withLabels },
      xAxis: {
        type: "category",
        position: "bottom",
        data: columns.map((label) => shortened(label, 18)),
        ...names,
        axisLabel: { ...names.axisLabel, rotate: 45 },
        splitLine: { show: false },
      },
      yAxis: {
        type: "category",
        inverse: true,
        data: labels.map((label) => shortened(label, 18)),
        ...names,
        name: "true label, in % of its prompts",
        nameLocation: "start",
        nameTextStyle: { color: colours.faint, align: "left" },
        splitLine: { show: false },
      },
      series: [
        {
          type: "custom",
          data: cells.map(({ x, y }) => [x, y]),
          renderItem: ({ dataIndex }, api) => {
            const cell = cells[dataIndex]!;
            const [x, y] = api.coord([cell.x, cell.y]) as [number, number];
            return heatCell(cell, [x, y], api.size!([1, 1]) as [number, number]);
          },
        },
      ],
    },
    1_040,
    150 + labels.length * (labels.length > 20 ? 20 : 30),
    "Share of each true label's prompts by predicted label",
  );
}

/**
 * A shaded rectangle with the share in it. Drawn by hand, because a colour scale of the library has fixed colours, and
 * these follow the page from light to dark. Opacity grows faster than the share at first, so that small ones show.
 */
function heatCell(
  { right, share }: { readonly right: boolean; readonly share: number },
  [x, y]: readonly [number, number],
  [width, height]: readonly [number, number],
): CustomSeriesRenderItemReturn {
  const shape = { x: x - width / 2 + 1, y: y - height / 2 + 1, width: width - 2, height: height - 2, r: 3 };
  return {
    type: "rect",
    shape,
    style: {
      fill: share === 0 ? colours.grid : right ? colours.accent : colours.second,
      opacity: share === 0 ? 0.45 : 0.06 + 0.94 * share ** 0.65,
    },
    ...(share < labelledShare
      ? {}
      : {
          textConfig: { position: "inside" },
          textContent: {
            type: "text",
            style: {
              text: String(Math.round(share * 100)),
              fill: share > 0.35 ? colours.card : colours.ink,
              fontSize: 11,
              fontFamily: chartFont,
            },
          },
        }),
  };
}

/** Accuracy by confidence; honest probabilities follow the diagonal. */
export function reliabilityChart({ bins, ece }: Reliability): string {
  return drawChart(
    {
      grid: { left: 8, right: 20, top: 16, bottom: 26, ...withLabels },
      xAxis: { ...shareAxis, name: "confidence", nameLocation: "middle", nameGap: 28 },
      yAxis: { ...shareAxis, name: "" },
      series: [
        {
          type: "line",
          data: [
            [0, 0],
            [1, 1],
          ],
          symbol: "none",
          lineStyle: { color: colours.faint, type: "dashed", width: 1 },
        },
        {
          type: "line",
          data: bins.map(({ confidence, accuracy }) => [confidence, accuracy]),
          symbol: "circle",
          symbolSize: (_: unknown, { dataIndex }: { dataIndex: number }) => dotSize(bins, dataIndex),
          lineStyle: { color: colours.accent, width: 2 },
          itemStyle: { color: colours.accent },
        },
      ],
    },
    500,
    320,
    `Accuracy by confidence, expected calibration error ${percent(ece)}`,
  );
}

/** The area of a dot follows the prompts of its bin. */
function dotSize(bins: Reliability["bins"], index: number): number {
  const most = Math.max(...bins.map(({ n }) => n));
  return 5 + 13 * Math.sqrt(bins[index]!.n / most);
}

/** Accuracy among the most confident prompts. */
export function coverageChart(curve: readonly CoveragePoint[]): string {
  return drawChart(
    {
      grid: { left: 8, right: 20, top: 16, bottom: 26, ...withLabels },
      xAxis: { ...shareAxis, name: "share answered by experts", nameLocation: "middle", nameGap: 28 },
      yAxis: { ...shareAxis, min: Math.floor(Math.min(1, ...curve.map((of) => of.accuracy)) * 10) / 10 },
      series: [
        {
          type: "line",
          data: curve.map(({ coverage, accuracy }) => [coverage, accuracy]),
          symbol: "circle",
          symbolSize: 7,
          lineStyle: { color: colours.accent, width: 2 },
          itemStyle: { color: colours.accent },
          areaStyle: { color: colours.accent, opacity: 0.1 },
        },
      ],
    },
    500,
    320,
    "Accuracy among the most confident share of the prompts",
  );
}
