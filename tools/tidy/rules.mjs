/** Every rule: a workspace in, complaints out. */
import { layoutComplaints } from "./layout.mjs";
import { directionComplaints, packageCycleComplaints } from "./direction.mjs";
import { fileCycleComplaints } from "./file-cycles.mjs";
import { dependencyComplaints, lockComplaints, referenceComplaints } from "./dependencies.mjs";
import { contentComplaints } from "./contents.mjs";

export const rules = {
  layout: layoutComplaints,
  direction: directionComplaints,
  "package cycles": packageCycleComplaints,
  "file cycles": fileCycleComplaints,
  dependencies: dependencyComplaints,
  references: referenceComplaints,
  lock: lockComplaints,
  contents: contentComplaints,
};
