import Redis from "ioredis";

const redis = new Redis();

async function listOperations(): Promise<void> {
  const listKey = "task_queue";

  // Clear any existing data
  await redis.del(listKey);

  // LPUSH: Add items to the left (beginning) of the list
  await redis.lpush(listKey, "task1", "task2", "task3");

  // RPUSH: Add items to the right (end) of the list
  await redis.rpush(listKey, "task4", "task5");

  // LRANGE: Get a range of elements (0 to -1 means all)
  const allTasks = await redis.lrange(listKey, 0, -1);
  console.log("All tasks:", allTasks);

  // LLEN: Get list length
  const length = await redis.llen(listKey);
  console.log("Queue length:", length);

  // LPOP: Remove and return the first element
  const firstTask = await redis.lpop(listKey);
  console.log("Popped first task:", firstTask);

  // RPOP: Remove and return the last element
  const lastTask = await redis.rpop(listKey);
  console.log("Popped last task:", lastTask);

  // LINDEX: Get element at specific index
  const taskAtIndex = await redis.lindex(listKey, 1);
  console.log("Task at index 1:", taskAtIndex);

  // LSET: Set element at specific index
  await redis.lset(listKey, 0, "updated_task");

  // LINSERT: Insert before or after a specific value
  await redis.linsert(listKey, "BEFORE", "task4", "new_task");

  // LTRIM: Keep only elements in specified range
  await redis.ltrim(listKey, 0, 2);

  const finalList = await redis.lrange(listKey, 0, -1);
  console.log("Final list:", finalList);
}

// Implementing a simple job queue
async function jobQueue(): Promise<void> {
  const queueName = "jobs";

  // Producer: Add jobs to the queue
  async function addJob(jobData: object): Promise<void> {
    await redis.rpush(queueName, JSON.stringify(jobData));
    console.log("Job added:", jobData);
  }

  // Consumer: Process jobs from the queue
  async function processJobs(): Promise<void> {
    while (true) {
      // BLPOP: Blocking pop that waits for items
      const result = await redis.blpop(queueName, 5);
      if (result) {
        const [, jobData] = result;
        const job = JSON.parse(jobData);
        console.log("Processing job:", job);
        // Process the job here
      } else {
        console.log("No jobs available, waiting...");
      }
    }
  }

  // Add some sample jobs
  await addJob({ type: "email", to: "user@example.com" });
  await addJob({ type: "notification", userId: 123 });
}

listOperations();
