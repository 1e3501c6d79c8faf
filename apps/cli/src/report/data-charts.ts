/** Charts of the data that a router was trained on. */
import { axisStyle, colours, drawChart, withLabels } from "./chart.js";
import { shortened } from "./html-text.js";

/** Prompts of every class, the largest first; `classes` gives name and count. */
export function sizeChart(classes: readonly (readonly [string, number])[], description: string): string {
  const rows = [...classes].sort(([, a], [, b]) => b - a);
  return drawChart(
    {
      grid: { left: 8, right: 12, top: 14, bottom: 8, ...withLabels },
      xAxis: {
        type: "category",
        data: rows.map(([name]) => shortened(name, 18)),
        ...axisStyle,
        axisLabel: { color: colours.ink, fontSize: 12, rotate: rows.length > 8 ? 40 : 0 },
      },
      yAxis: { type: "value", minInterval: 1, ...axisStyle },
      series: [
        {
          type: "bar",
          data: rows.map(([, count]) => count),
          barMaxWidth: 34,
          itemStyle: { color: colours.accent, borderRadius: [3, 3, 0, 0] },
        },
      ],
    },
    1_040,
    260,
    description,
  );
}
